/** A whole node in memory on a virtual clock, with places to break it. */

import type { QueuedCommand } from "../../actors/mailbox.ts";
import { openOracle } from "../../ffi/oracle.ts";
import type { Answer, Command, ForkedStart } from "../../src/core/command.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { foldTask } from "../../src/core/evolve.ts";
import type { Incarnation, TaskId } from "../../src/core/ids.ts";
import type { JsonText } from "../../src/core/payload.ts";
import { type Plan, planOf } from "../../src/core/plan.ts";
import type { Appended, Attempt, Journal, TurnRow } from "../../src/core/ports.ts";
import type { Readiness } from "../../src/core/readiness.ts";
import { SystemDirectory } from "../../src/core/system_directory.ts";
import type { TaskState } from "../../src/core/state.ts";
import type { RunContext, StepCode, WorkflowCode } from "../../src/core/workflow.ts";
import { Engine } from "../../src/server/engine.ts";
import { MemoryJournal } from "../../src/journal/memory_journal.ts";
import { MemoryPolicies, MemorySharedStates } from "../../src/journal/memory_stores.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { definitionOf, type DriverStep } from "./task_driver.ts";

/** Code of a step by its name; a step without code returns null. */
export type WorldCode = Readonly<Record<string, (context: RunContext) => unknown>>;

/** What a test breaks. */
export interface WorldFaults {
  /** Decides a row's outcome in place of the journal, now or later; undefined lets it through. */
  append?: (row: TurnRow) => Appended | Promise<Appended | undefined> | undefined;
  /** Holds an answer without a row up, or throws; false: the flush found this node's row gone. */
  confirm?: () => Promise<boolean | void>;
  /** Throws where an attempt is handed to another system. */
  send?: (attempt: Attempt) => void;
  /** Throws to break the reading of a journal, or holds what was read up. */
  load?: (taskIds: readonly TaskId[]) => void | Promise<void>;
  /** Says why a task cannot be read, if it cannot. */
  unreadable?: (taskId: TaskId) => TaskerError | undefined;
  /** Throws to break readiness for all tasks, in its call of that name. */
  readiness?: (call: "tick" | "open" | "close") => void;
}

/** One node. */
export class EngineHarness {
  readonly runtime = new VirtualRuntime();
  readonly journal: MemoryJournal;
  readonly policies = new MemoryPolicies();
  readonly sharedStates = new MemorySharedStates();
  readonly faults: WorldFaults = {};
  readonly logged: string[] = [];
  /** Attempts handed to other systems. */
  readonly sent: Attempt[] = [];
  readonly stopped: string[] = [];
  readonly plan: Plan;
  /** False: the node has to read the plan before it can decide. */
  isPlanRead = true;
  readonly directory = new SystemDirectory(() => true);
  engine: Engine;
  fences = 0;
  /** Why the node ended itself. */
  readonly failures: unknown[] = [];

  private constructor(steps: readonly DriverStep[], readonly code: WorldCode) {
    this.plan = planOf("hash", definitionOf(steps));
    this.journal = new MemoryJournal(this.runtime);
    this.engine = this.#makeEngine("first");
  }

  static async open(steps: readonly DriverStep[], code: WorldCode = {}): Promise<EngineHarness> {
    const harness = new EngineHarness(steps, code);
    await harness.engine.start();
    await harness.runtime.settle();
    return harness;
  }

  /** The process dies, memory and all, and another one takes its place. */
  async restart(): Promise<void> {
    this.engine.supervisor.stop(new TaskerError("journal.unavailable", "the process died"));
    await this.engine.ownership.stop();
    await this.journal.release(this.#slots());
    this.engine = this.#makeEngine(`again-${this.fences++}`);
    await this.engine.start();
    await this.runtime.settle();
  }

  /** Starts a task; resolves with its id once that is committed. */
  async start(
    more: {
      key?: string;
      input?: unknown;
      commandId?: string;
      deadlineMs?: number;
      priority?: number;
      fork?: ForkedStart;
    } = {},
  ): Promise<Answer> {
    const answer = this.send({
      kind: "StartTask",
      taskId: this.engine.router.mintTaskId(),
      commandId: more.commandId ?? this.runtime.uuid(),
      namespace: "test",
      workflow: this.plan.workflow,
      version: "1.0.0",
      definitionHash: this.plan.hash,
      input: JSON.stringify(more.input ?? {}) as JsonText,
      tags: [],
      ...(more.key === undefined ? {} : { key: more.key }),
      ...(more.deadlineMs === undefined ? {} : { deadlineMs: more.deadlineMs }),
      ...(more.priority === undefined ? {} : { priority: more.priority }),
      ...(more.fork === undefined ? {} : { fork: more.fork }),
    });
    return await answer;
  }

  /** Sends a command and lets the moment come to rest. */
  async send(command: Command): Promise<Answer> {
    const answer = this.engine.router.send(command);
    answer.catch(() => {});
    await this.runtime.settle();
    return await answer;
  }

  /** Delivers mail as it comes, for nobody to wait on. */
  deliver(mail: QueuedCommand): void {
    this.engine.supervisor.deliver(mail);
  }

  /** What the journal folds to. */
  state(taskId: TaskId): TaskState {
    const state = foldTask(taskId, this.plan, this.journal.turns(taskId));
    if (state === undefined) throw new Error(`no task ${taskId}`);
    return state;
  }

  /** States of all steps by name, as the journal has them. */
  steps(taskId: TaskId): Record<string, string> {
    const { steps } = this.state(taskId);
    return Object.fromEntries(
      this.plan.steps.map(({ name, index }) => [name, steps[index]?.state ?? ""]),
    );
  }

  #makeEngine(name: string): Engine {
    const incarnation = `${name}-incarnation` as Incarnation;
    return new Engine({
      runtime: this.runtime,
      log: this.#log(),
      journal: this.#breakable(),
      nodes: this.journal,
      policies: this.policies,
      sharedStates: this.sharedStates,
      readiness: this.#breakableReadiness(),
      plans: {
        cached: () => this.isPlanRead ? this.plan : undefined,
        byHash: () => {
          this.isPlanRead = true;
          return Promise.resolve(this.plan);
        },
      },
      codeOf: () => this.#codes(),
      isLocalOwner: () => true,
      directory: this.directory,
      remote: () => ({
        start: (attempt) => {
          this.faults.send?.(attempt);
          this.sent.push(attempt);
        },
        stop: (_, plan, step, system) => {
          const name = plan.steps[step]?.name ?? "";
          this.stopped.push(system === undefined ? name : `${name} at ${system}`);
        },
        unconfirmed: () => 0,
      }),
      incarnation,
      name,
      replaces: undefined,
      fenced: (failure) => {
        this.fences++;
        if (failure !== undefined) this.failures.push(failure);
      },
    });
  }

  #codes(): WorkflowCode {
    const codes = this.plan.steps.map(({ name }): [string, StepCode] => [
      name,
      { run: (context) => (this.code[name] ?? (() => null))(context) },
    ]);
    return { steps: new Map(codes) };
  }

  /** The journal, with the test's faults before it. */
  #breakable(): Journal {
    const { journal, faults } = this;
    return {
      append: async (row) => await faults.append?.(row) ?? await journal.append(row),
      confirm: async (entry) => {
        const isAlive = await faults.confirm?.() ?? true;
        return isAlive && await journal.confirm(entry);
      },
      load: async function* (taskIds) {
        const read = await Array.fromAsync(journal.load(taskIds));
        await faults.load?.(taskIds);
        for (const loaded of read) {
          const error = faults.unreadable?.(loaded.taskId);
          yield error === undefined ? loaded : { taskId: loaded.taskId, error };
        }
      },
      figures: () => journal.figures(),
      idle: () => journal.idle(),
    };
  }

  #breakableReadiness(): Readiness {
    const { faults } = this;
    const readiness = openOracle();
    return {
      kind: readiness.kind,
      intern: (hash, graph) => readiness.intern(hash, graph),
      open(template) {
        faults.readiness?.("open");
        return readiness.open(template);
      },
      extend: (instance, template) => readiness.extend(instance, template),
      close(instance) {
        faults.readiness?.("close");
        readiness.close(instance);
      },
      push: (instance, input, step) => readiness.push(instance, input, step),
      tick(visit) {
        faults.readiness?.("tick");
        readiness.tick(visit);
      },
      bytesUsed: () => readiness.bytesUsed(),
    };
  }

  #log(): Log {
    const log: Log = {
      ...SILENT_LOG,
      warn: (text) => void this.logged.push(text),
      error: (text) => void this.logged.push(text),
      with: () => log,
    };
    return log;
  }

  #slots() {
    return Array.from({ length: 4096 }, (_, slot) => ({ slot, owner: null, version: 1 }));
  }
}

/** Keeps the reason that the row of each task names. */
export function reasonsOf(harness: EngineHarness): ReadonlyMap<TaskId, string | null> {
  const reasons = new Map<TaskId, string | null>();
  harness.faults.append = ({ taskId, change }) => {
    if (change !== undefined) reasons.set(taskId, change.blockedReason);
    return undefined;
  };
  return reasons;
}

/** Says that the newest attempt of a step came to its end. */
export function complete(harness: EngineHarness, taskId: TaskId, step: number): void {
  harness.engine.router.record({
    kind: "RecordStepResult",
    taskId,
    step,
    attempt: 1,
    outcome: { kind: "completed", result: "1" as JsonText },
  });
}
