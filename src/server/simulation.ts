/**
 * The one simulator: a real engine over a journal in memory and a clock that moves only when asked,
 * with a player in place of whatever does the work. Users' tests, stored attempts that are played
 * back and load scenarios differ in their player alone.
 */

import { openOracle } from "../../ffi/oracle.ts";
import type { Outcome } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import type { Incarnation, TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Attempt, Egress, Plans, Policies, Runner } from "../core/ports.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import type { WorkflowCode } from "../core/workflow.ts";
import type { LocalRunner } from "../dispatch/local.ts";
import { type Kept, MemoryJournal } from "../journal/memory_journal.ts";
import { MemoryPolicies, MemorySharedStates } from "../journal/memory_stores.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { Engine } from "./engine.ts";
import type { VirtualRuntime } from "./virtual_runtime.ts";

/**
 * Takes the outcome of an attempt, once, and which worker it is from; what comes after that, or after
 * its time-out, is ignored.
 */
export type AnswerAttempt = (outcome: Outcome, instance?: string) => void;

/** Does the work of steps. */
export interface StepPlayer {
  /** Begins an attempt, and answers at any time of the clock, or never. */
  start(attempt: Attempt, answer: AnswerAttempt): void;
  /** The attempt of a step that was last started is not wanted any more. */
  stop?(taskId: TaskId, step: number): void;
  /** How long a sleep is whose length is computed, ms; absent: its code or its mapping says it. */
  sleepMs?(taskId: TaskId, step: number): number;
}

/** How to open a simulation. */
export interface SimulationOptions {
  readonly runtime: VirtualRuntime;
  readonly plans: Plans;
  readonly player: StepPlayer;
  /** Code of steps: what maps inputs, and in steps that are not played does the work. */
  codeOf?(hash: string): WorkflowCode | undefined;
  /**
   * Steps of these owners run their code here, and http steps make their requests through `egress`.
   * Absent: every step that does work is played.
   */
  isLocalOwner?(owner: string): boolean;
  readonly egress?: Egress;
  readonly directory?: SystemDirectory;
  readonly policies?: Policies;
  /** How much the journal keeps; for long runs. */
  readonly kept?: Kept;
  /**
   * The node polls, settles limits of systems, sweeps and reads policies as a served one does. Absent:
   * it rests, all its tasks stay in memory, and policies are read by `engine.renewPolicies`.
   */
  readonly isLive?: boolean;
}

/** A running simulation. */
export interface Simulation {
  readonly runtime: VirtualRuntime;
  readonly engine: Engine;
  readonly journal: MemoryJournal;
  readonly policies: Policies;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Opens a simulation; it is at rest until a task is started and the clock is moved. */
export async function openSimulation(options: SimulationOptions): Promise<Simulation> {
  const { runtime, plans, player, policies = new MemoryPolicies(), isLive = false } = options;
  const { codeOf = () => undefined, isLocalOwner, egress, directory } = options;
  const journal = new MemoryJournal(runtime, options.kept);
  const engine = new Engine({
    runtime,
    log: SILENT_LOG,
    journal,
    nodes: journal,
    policies,
    sharedStates: new MemorySharedStates(),
    readiness: openOracle(),
    plans,
    codeOf,
    isLocalOwner: isLocalOwner ?? (() => false),
    ...(isLocalOwner === undefined && {
      runner: (local, record) => playRunner({ player, codeOf, local, record }),
    }),
    ...(egress !== undefined && { egress }),
    ...(directory !== undefined && { directory }),
    remote: (record) => ({
      start: (attempt) => player.start(attempt, answerTo(attempt, record)),
      stop: (taskId, _, step) => player.stop?.(taskId, step),
      unconfirmed: () => 0,
    }),
    incarnation: runtime.uuid() as Incarnation,
    name: "simulation",
    replaces: undefined,
    fenced: (failure) => {
      if (failure !== undefined) throw failure;
    },
  });
  await engine.start();
  if (!isLive) await engine.rest();
  return {
    runtime,
    engine,
    journal,
    policies,
    [Symbol.asyncDispose]: () => end(engine),
  };
}

/** One system that offers every capability that a step of the plans asks any system for. */
export function playedDirectory(plans: readonly Plan[]): SystemDirectory {
  const capabilities = plans.flatMap(({ steps }) => steps)
    .flatMap(({ definition: { capability } }) => capability ? [{ name: capability.name }] : []);
  const directory = new SystemDirectory(() => true);
  const played = { system: "test", instance: "test", version: "1.0.0", namespaces: [] };
  directory.set([{ ...played, state: "healthy", isDeclared: false, capabilities }]);
  return directory;
}

type Record = Engine["router"]["record"];

/** A runner that has a player do all work; sleeps are computed as they are anywhere. */
function playRunner(
  { player, codeOf, local, record }: {
    readonly player: StepPlayer;
    readonly codeOf: (hash: string) => WorkflowCode | undefined;
    readonly local: LocalRunner;
    readonly record: Record;
  },
): Runner {
  return {
    canStart: (plan, step) => plan.steps[step] !== undefined,
    start(attempt) {
      const { name, definition } = attempt.plan.steps[attempt.step] ?? {};
      if (definition?.kind === "signal") return;
      if (definition?.kind !== "sleep") return player.start(attempt, answerTo(attempt, record));
      const { taskId, step } = attempt;
      const ms = player.sleepMs?.(taskId, step);
      if (ms !== undefined) return record({ kind: "RecordSleep", taskId, step, ms });
      local.startSleep(attempt, codeOf(attempt.plan.hash)?.steps.get(name ?? ""));
    },
    stop: (taskId, _, step) => player.stop?.(taskId, step),
    isRunning: () => true,
    unconfirmed: () => 0,
  };
}

function answerTo({ taskId, step, attempt }: Attempt, record: Record): AnswerAttempt {
  return (outcome, instance) =>
    record({
      kind: "RecordStepResult",
      taskId,
      step,
      attempt,
      outcome,
      ...(instance !== undefined && { instance }),
    });
}

function end(engine: Engine): Promise<void> {
  engine.supervisor.stop(new TaskerError("node.draining", "The simulation has ended"));
  return engine.rest();
}
