/** The world of a scenario: a real node on the virtual clock, its load, and what became of each task. */

import type { TaskId } from "../core/ids.ts";
import { TaskerError } from "../core/errors.ts";
import type { Incident } from "../core/incident.ts";
import type { CommittedTurn, Starter, StatisticsStore } from "../core/ports.ts";
import { type Instance } from "../core/system.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import type { TaskEnd } from "../core/event.ts";
import { PRIORITY } from "../core/starts.ts";
import { openStarter, type Registry } from "../registry/workflows.ts";
import { openSimulation, type Simulation, type SimulationOptions } from "../server/simulation.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { Draw } from "./draw.ts";
import type { HealerDeps } from "../heal/healer_deps.ts";
import { SimulatedHealing } from "./healing.ts";
import { openScenarioRegistry } from "./modules.ts";
import { type Scenario, type ScenarioTask, type ScenarioWorkflow, valueAt } from "./scenario.ts";
import { Services } from "./services.ts";

/** Tasks that ended and are kept whole, for who reads journals. */
const ENDED_MAX = 20_000;

const MINUTE_MS = 60_000;

/** How long arrivals rest when the load is zero. */
const REST_MS = 1_000;

/** What became of a task. */
export interface TaskRecord {
  readonly task: ScenarioTask;
  /** Unset where the start was refused. */
  taskId?: TaskId;
  /** Unset: it has not ended. */
  end?: TaskEnd;
  /** Since it arrived. */
  tookMs?: number;
  attempts: number;
  /** Times that a step of it waited for a person. */
  parks: number;
}

/** A world in which a scenario can happen. */
export interface World extends Simulation {
  readonly registry: Registry;
  readonly scenario: Scenario;
  readonly directory: SystemDirectory;
  /** In order of arrival. */
  readonly records: readonly TaskRecord[];
  /** When it began, Unix ms. */
  readonly beginMs: number;
  /** Minutes since then. */
  readonly minute: number;
  /** How often healing needed a person: to approve, or for what only people can change. */
  readonly asked: number;
  /** What steps and tasks did; absent without healing. */
  readonly statistics?: Pick<StatisticsStore, "read">;
  /** What healing has seen and done; empty without. */
  incidents(): readonly Incident[];
  /** Lets the scenario happen, minute by minute, until what is under way had time to end. */
  run(onMinute?: (minute: number) => Promise<void> | void): Promise<void>;
}

/** Opens the world of a scenario; the same seed gives the same load and the same reactions. */
export async function openWorld(
  scenario: Scenario,
  { seed, heals = false, adviser }: {
    readonly seed: number;
    readonly heals?: boolean;
    /** A model that incidents ask; absent: there is none. */
    readonly adviser?: HealerDeps["adviser"];
  },
): Promise<World> {
  const runtime = new VirtualRuntime(seed, { isClosed: true });
  const healing = heals ? new SimulatedHealing() : undefined;
  const registry = openScenarioRegistry(scenario, {
    modules: healing === undefined ? [] : [healing.module],
    digest: (text) => runtime.digest(text),
  });
  const directory = new SystemDirectory(() => true);
  const tasks = new TaskRecords(() => runtime.monotonic());
  const services = new Services({
    runtime,
    scenario,
    seed,
    taskOf: (taskId) => tasks.of(taskId)?.task,
    isEjected: (system, instance) => directory.ejected(system, runtime.now()).includes(instance),
  });
  const simulation = await simulate({ runtime, registry, player: services, directory, tasks });
  const starter = openStarter(registry, simulation.engine.router);
  const deps = { ...simulation, registry, starter, directory };
  healing?.open({ ...deps, adviser });
  const deadlineMs = minutesOf(scenario) * MINUTE_MS;
  return {
    ...simulation,
    [Symbol.asyncDispose]: () => {
      healing?.close();
      return simulation[Symbol.asyncDispose]();
    },
    registry,
    scenario,
    directory,
    ...(healing !== undefined && { statistics: healing.statistics }),
    beginMs: runtime.now(),
    records: tasks.all,
    get asked() {
      return healing?.asked ?? 0;
    },
    incidents: () => healing?.incidents(deps) ?? [],
    get minute() {
      return runtime.monotonic() / MINUTE_MS;
    },
    async run(onMinute) {
      new Load({ runtime, scenario, seed }).begin((task) =>
        startUntil({ runtime, starter, deadlineMs }, task, tasks.add(task))
      );
      await pass({ runtime, scenario, directory, services }, async (minute) => {
        await healing?.answer({ ...deps, forbidden: scenario.wanted.forbidden ?? [] });
        await onMinute?.(minute);
      });
    },
  };
}

/** Opens the simulation of a world; what tasks do is noted. */
async function simulate(
  { registry, tasks, ...of }: Pick<SimulationOptions, "runtime" | "player" | "directory"> & {
    readonly registry: Registry;
    readonly tasks: TaskRecords;
  },
): Promise<Simulation> {
  const simulation = await openSimulation({
    ...of,
    plans: registry,
    codeOf: (hash) => registry.codeOf(hash),
    isLocalOwner: (owner) => registry.isLocalOwner(owner),
    kept: { endedMax: ENDED_MAX },
    isLive: true,
  });
  simulation.engine.supervisor.subscribe((committed) => tasks.note(committed));
  return simulation;
}

/** Starts a task as a careful client does: one that is held back comes again when it is asked to. */
function startUntil(
  of: { readonly runtime: VirtualRuntime; readonly starter: Starter; readonly deadlineMs: number },
  task: ScenarioTask,
  key: string,
): void {
  const { runtime, starter, deadlineMs } = of;
  const { workflow, version, input, tags, priority } = task;
  const commandId = runtime.uuid();
  starter.start({ workflow, version, input, tags, priority, commandId, key }).catch((error) => {
    const againMs = error instanceof TaskerError ? error.retryAfterMs : undefined;
    if (againMs === undefined || runtime.monotonic() + againMs > deadlineMs) return;
    runtime.after(againMs, () => startUntil(of, task, key));
  });
}

/** All minutes of a run: arrivals, and then the time that a task may take. */
function minutesOf({ minutes, wanted }: Scenario): number {
  return minutes + Math.ceil(wanted.slo.withinMs / MINUTE_MS);
}

/** Lets the minutes pass, with what is due in each. */
async function pass(
  { runtime, scenario, directory, services }: {
    readonly runtime: VirtualRuntime;
    readonly scenario: Scenario;
    readonly directory: SystemDirectory;
    readonly services: Services;
  },
  onMinute: (minute: number) => Promise<void>,
): Promise<void> {
  const { clockJumps = [] } = scenario;
  const end = minutesOf(scenario);
  let known = "";
  for (let minute = 0; minute < end; minute++) {
    const instances = instancesOf(scenario, services);
    const now = instances.map(({ system, instance }) => `${system}/${instance}`).join();
    if (now !== known) directory.set(instances);
    known = now;
    for (const jump of clockJumps) if (jump.minute === minute) runtime.jump(Math.round(jump.ms));
    await runtime.advance(MINUTE_MS);
    await onMinute(minute);
  }
}

/** The workers that have registered: each offers what steps ask its system for, and what it says. */
function instancesOf({ systems, workflows }: Scenario, services: Services): readonly Instance[] {
  const steps = Object.values(workflows).flatMap(({ steps }) => Object.entries(steps));
  return Object.entries(systems).flatMap(([system, { offers = [] }]) => {
    const asked = steps.flatMap(([name, step]) =>
      step.system === system ? [step.event ?? `${system}.${name}`] : []
    );
    const capabilities = [...new Set([...asked, ...offers])].map((name) => ({
      name,
      effect: "idempotent" as const,
    }));
    const state = "healthy" as const;
    return services.instances(system).map((instance) => ({
      system,
      instance,
      version: "1.0.0",
      state,
      isDeclared: false,
      namespaces: [],
      capabilities,
    }));
  });
}

/** The records of all tasks, by what their journals say. */
class TaskRecords {
  readonly all: TaskRecord[] = [];
  readonly #byKey = new Map<string, TaskRecord>();
  readonly #byId = new Map<TaskId, TaskRecord>();

  constructor(readonly elapsedMs: () => number) {}

  /** Adds a task that arrives; returns the key to start it under. */
  add(task: ScenarioTask): string {
    const key = `${task.workflow}#${task.number}`;
    const record: TaskRecord = { task, attempts: 0, parks: 0 };
    this.all.push(record);
    this.#byKey.set(key, record);
    return key;
  }

  of(taskId: TaskId): TaskRecord | undefined {
    return this.#byId.get(taskId);
  }

  note({ taskId, turn: { events } }: CommittedTurn): void {
    for (const event of events) {
      if (event.kind === "TaskStarted") this.#started(taskId, event.key ?? "");
      const record = this.#byId.get(taskId);
      if (record === undefined) return; // one of the healer's own
      if (event.kind === "StepStarted") record.attempts++;
      if (event.kind === "StepParked") record.parks++;
      if (event.kind !== "TaskEnded") continue;
      record.end = event.end;
      record.tookMs = this.elapsedMs() - record.task.minute * MINUTE_MS;
      this.#byId.delete(taskId);
    }
  }

  #started(taskId: TaskId, key: string): void {
    const record = this.#byKey.get(key);
    this.#byKey.delete(key);
    if (record === undefined) return;
    record.taskId = taskId;
    this.#byId.set(taskId, record);
  }
}

/** Lets the tasks of a scenario arrive. */
class Load {
  readonly #beginMs: number;

  constructor(
    readonly deps: {
      readonly runtime: VirtualRuntime;
      readonly scenario: Scenario;
      readonly seed: number;
    },
  ) {
    this.#beginMs = deps.runtime.monotonic();
  }

  begin(arrived: (task: ScenarioTask) => void): void {
    const { scenario, seed } = this.deps;
    for (const [workflow, of] of Object.entries(scenario.workflows)) {
      const draw = new Draw(`${seed}/arrivals/${workflow}`);
      this.#next({ workflow, of, draw, number: 0 }, arrived);
    }
  }

  /** Waits for the next task: a Poisson process whose rate is looked up after each arrival. */
  #next(
    line: {
      readonly workflow: string;
      readonly of: ScenarioWorkflow;
      readonly draw: Draw;
      number: number;
    },
    arrived: (task: ScenarioTask) => void,
  ): void {
    const { workflow, of, draw } = line;
    const minute = this.#minute();
    if (minute >= this.deps.scenario.minutes) return;
    const perMinute = valueAt(of.perMinute, minute);
    const waitMs = perMinute > 0 ? draw.exponential(MINUTE_MS / perMinute) : Infinity;
    this.deps.runtime.after(Math.round(Math.min(waitMs, REST_MS)), () => {
      // An exponential wait has no memory: what exceeds a rest may be drawn again.
      if (waitMs <= REST_MS) arrived(this.#taskOf(line.number++, { workflow, of, draw }));
      this.#next(line, arrived);
    });
  }

  #taskOf(
    number: number,
    { workflow, of, draw }: {
      readonly workflow: string;
      readonly of: ScenarioWorkflow;
      readonly draw: Draw;
    },
  ): ScenarioTask {
    const minute = this.#minute();
    const given = of.task?.({ draw, number, minute }) ?? {};
    const version = valueAt(of.version ?? "1.0.0", minute);
    const { priority = PRIORITY.default } = given;
    // The engine would take it for a very low one, and the API refuses it.
    if (!(priority >= PRIORITY.high && priority <= PRIORITY.low)) {
      throw new Error(
        `Cannot start a task of "${workflow}" of priority ${priority}: 1 is high, 5 is low`,
      );
    }
    return { input: {}, tags: [], ...given, priority, workflow, version, number, minute };
  }

  #minute(): number {
    return (this.deps.runtime.monotonic() - this.#beginMs) / MINUTE_MS;
  }
}
