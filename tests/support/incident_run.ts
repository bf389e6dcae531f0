/** One incident in the real engine, over a journal in memory and a clock that the test moves. */

import { openOracle } from "../../ffi/oracle.ts";
import { TaskerError } from "../../src/core/errors.ts";
import type { Incarnation, TaskId } from "../../src/core/ids.ts";
import {
  APPROVAL,
  type Incident,
  INCIDENT_WORKFLOW,
  incidentOf,
  outcomeOf,
} from "../../src/core/incident.ts";
import { encodePayload } from "../../src/core/payload.ts";
import { Counts, type StatisticsCell } from "../../src/core/statistics.ts";
import type { HealerDeps } from "../../src/heal/healer_deps.ts";
import { type IncidentSteps, incidentWorkflow } from "../../src/heal/incident.ts";
import { openIncidentSteps } from "../../src/heal/incident_steps.ts";
import { MemoryJournal } from "../../src/journal/memory_journal.ts";
import {
  MemoryAttendance,
  MemoryDefinitions,
  MemoryPolicies,
  MemorySharedStates,
} from "../../src/journal/memory_stores.ts";
import { step, workflow, z } from "../../src/mod.ts";
import { openRegistry } from "../../src/registry/load.ts";
import { openStarter, type Registry } from "../../src/registry/workflows.ts";
import { Engine } from "../../src/server/engine.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";

/** The steps of an incident. */
export const STEPS = [
  "diagnose",
  "propose",
  "apply",
  "judge",
  "conclude",
  "release",
  "learn",
] as const;

const MINUTE = 60_000;
const FIGURES = {
  attempts: 60,
  perMinute: 60,
  failedShare: 0.3,
  timedOutShare: 0.3,
  retriedShare: 0,
};

const shop = workflow({
  namespace: "shop",
  name: "order",
  version: "1.0.0",
  input: z.object({}),
  heal: { tier: "T1", timeoutMs: [500, 60_000] },
}, (w) => {
  w.step("charge", step({ input: z.object({}), success: z.object({}), run: () => ({}) }));
});

/** How long the trouble is there. */
const TROUBLE_MINUTES = 28;

/** What an incident is tried with: an action that is canaried, or one that ends by itself. */
type Tried = "canary" | "hold";

/** How an incident runs. */
export interface IncidentOptions {
  readonly tried: Tried;
  /** No attempt of a task that tries the change ends. */
  readonly isUntried?: boolean;
  /** Nobody decides about its proposal. */
  readonly isAsked?: boolean;
  /** Its process dies in a step, before or after that did what it does. */
  readonly crash?: Crash | undefined;
}

interface Crash {
  readonly step: (typeof STEPS)[number];
  readonly when: "before" | "after";
}

/** A proposal of a time-out for a share of the tasks, or of a limit for all of them. */
function proposalOf(tried: Tried, nowMs: number) {
  const isCanary = tried === "canary";
  const untilMs = nowMs + 10 * MINUTE;
  const path = isCanary ? ["steps", "charge", "timeoutMs"] : ["steps", "*", "ratePerS"];
  const change = {
    namespace: isCanary ? "shop" : "",
    name: isCanary ? "order" : "payments",
    changes: [{ path, value: 4_000 }],
  };
  const action = isCanary
    ? { kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs: 4_000 }
    : { kind: "limit_system", system: "payments", capability: "*", ratePerS: 4_000, untilMs };
  return {
    id: "p1",
    action,
    change,
    inverse: { ...change, changes: [{ path }] },
    tier: isCanary ? "T1" as const : "T0" as const,
    evidence: [],
    confidence: 0.7,
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    expected: "it helps",
    load: "same" as const,
    repeats: false,
    ...(!isCanary && { untilMs }),
  };
}

/** Attempts that try the change complete; those beside them fail in a third while there is trouble. */
function cellsIn(
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
  { beganMs, isTried }: { readonly beganMs: number; readonly isTried: boolean },
): StatisticsCell[] {
  const first = Math.ceil(sinceMs / INTERVAL) * INTERVAL;
  const count = Math.max(0, Math.ceil((untilMs - first) / INTERVAL));
  return Array.from({ length: count }, (_, at) => first + at * INTERVAL).flatMap((fromMs) => {
    const isTrouble = fromMs >= beganMs && fromMs < beganMs + TROUBLE_MINUTES * MINUTE;
    return (isTried ? [0, 1] : [0]).flatMap((policyVersion) =>
      [undefined, "charge"].map((step): StatisticsCell => {
        const counts = new Counts();
        counts.starts = ATTEMPTS;
        const failed = isTrouble && policyVersion === 0 ? ATTEMPTS / 3 : 0;
        counts.addOutcome("completed", ATTEMPTS - failed);
        if (failed > 0) counts.addOutcome("timed_out", failed);
        for (let at = 0; at < ATTEMPTS - failed; at++) counts.ran.add(1_000);
        const key = { workflow: "shop/order", version: "1.0.0", policyVersion };
        return { ...key, counts, fromMs, untilMs: fromMs + INTERVAL, ...(step && { step }) };
      })
    );
  });
}

/** Of the statistics, ms, and how many attempts end in one. */
const INTERVAL = 10_000;
const ATTEMPTS = 18;

/** One incident that runs. */
export class IncidentRun {
  readonly runtime = new VirtualRuntime(1);
  readonly journal = new MemoryJournal(this.runtime);
  readonly policies = new MemoryPolicies();
  readonly #beganMs = this.runtime.now() - 3 * MINUTE;
  readonly #options: IncidentOptions;
  readonly #died = Promise.withResolvers<void>();
  #registry: Registry | undefined;
  #engine: Engine | undefined;
  hasCrashed = false;

  readonly #attendance = new MemoryAttendance();

  private constructor(options: IncidentOptions) {
    this.#options = options;
  }

  /** Starts an incident. */
  static async open(options: IncidentOptions): Promise<IncidentRun> {
    const run = new IncidentRun(options);
    run.#registry = await openRegistry({
      modules: [shop],
      own: [incidentWorkflow(() => run.#steps())],
      definitions: new MemoryDefinitions(),
      digest: (text) => run.runtime.digest(text),
      onWarning: () => {},
    });
    run.#engine = run.#open("first");
    await run.engine.start();
    const degradation = {
      ...{ workflow: "shop/order", step: "charge", signal: "timeouts" as const, saturated: false },
      ...{ sinceMs: run.#beganMs, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
    };
    await openStarter(run.registry, run.engine.router).start({
      workflow: INCIDENT_WORKFLOW,
      input: { about: "shop/order charge timeouts", number: 1, degradation },
      tags: [],
      commandId: "start",
    });
    void run.#died.promise.then(() => run.#takeOver());
    return run;
  }

  get registry(): Registry {
    return this.#registry as Registry;
  }

  get engine(): Engine {
    return this.#engine as Engine;
  }

  /** What its steps, and those who care for it, work with. */
  get deps(): HealerDeps {
    const { runtime, policies, journal, registry, engine } = this;
    const { tried, isUntried = false } = this.#options;
    const seen = { beganMs: this.#beganMs, isTried: tried === "canary" && !isUntried };
    return {
      runtime,
      log: SILENT_LOG,
      policies,
      active: () => Promise.resolve([]),
      statistics: {
        read: (range) => Promise.resolve(cellsIn(range, seen)),
      },
      attendance: this.#attendance,
      tasks: journal,
      plans: registry,
      sink: {
        send: (command) => this.engine.router.send(command),
        mintTaskId: () => this.engine.router.mintTaskId(),
      },
      starter: openStarter(registry, engine.router),
      systems: () => [],
      whyNotSwitched: () => undefined,
      diagnose: () => ({ failureType: "timeout", confidence: 0.5, says: "slow", evidence: [] }),
      owns: () => true,
      isWatched: () => true,
    };
  }

  async minutes(count: number): Promise<void> {
    for (let minute = 0; minute < count; minute++) await this.runtime.advance(MINUTE);
  }

  /** The incident, and its task's state. */
  async read(): Promise<{ readonly incident: Incident; readonly state: string }> {
    const range = { workflow: INCIDENT_WORKFLOW, sinceMs: 0, untilMs: Infinity, limit: 5 };
    const [task] = await Array.fromAsync(this.journal.tasks(range));
    const plan = task && await this.registry.byHash(task.summary.definitionHash);
    const incident = task && plan && incidentOf(task, plan);
    if (incident === undefined) throw new Error("there is no incident");
    return { incident, state: task?.summary.state ?? "" };
  }

  /** What became of it, and every version that was put. */
  async end() {
    const { incident, state } = await this.read();
    const isCanary = this.#options.tried === "canary";
    const versions = await this.policies.versions(
      isCanary ? "shop" : "",
      isCanary ? "order" : "payments",
    );
    return {
      state,
      phase: incident.phase,
      verdict: incident.judge?.verdict,
      outcome: outcomeOf(incident)?.outcome,
      versions: versions.map(({ steps, canary }) => [steps, canary?.percent]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.rest();
  }

  #steps(): IncidentSteps {
    const real = openIncidentSteps(this.deps);
    const { tried, isAsked = false } = this.#options;
    const propose: IncidentSteps["propose"] = async ({ taskId }) => {
      if (!isAsked) await this.#approve(taskId as TaskId);
      const proposal = proposalOf(tried, this.runtime.now());
      const tier = isAsked ? "T2" as const : proposal.tier;
      return { proposals: [{ ...proposal, tier }], chosen: "p1", notes: [] };
    };
    const all: IncidentSteps = { ...real, propose };
    const dying = (name: (typeof STEPS)[number]) => async (of: never) => {
      const { crash } = this.#options;
      const isDeath = !this.hasCrashed && crash?.step === name;
      if (isDeath && crash.when === "before") return await this.#die();
      const result = await (all[name] as (of: never) => Promise<unknown>)(of);
      return isDeath ? await this.#die() : result;
    };
    return Object.fromEntries(STEPS.map((name) => [name, dying(name)])) as unknown as IncidentSteps;
  }

  async #approve(taskId: TaskId): Promise<void> {
    const payload = { approved: true, by: "tasker", reason: "tier" };
    await this.engine.router.send({
      kind: "SendSignal",
      commandId: `${taskId}/${APPROVAL}`,
      taskId,
      name: APPROVAL,
      payload: encodePayload(payload, "the approval"),
    });
  }

  #die(): Promise<never> {
    this.hasCrashed = true;
    this.#died.resolve();
    return new Promise<never>(() => {});
  }

  async #takeOver(): Promise<void> {
    const first = this.engine;
    first.supervisor.stop(new TaskerError("journal.unavailable", "the process died"));
    await first.ownership.stop();
    const slots = [...Array(4096).keys()].map((slot) => ({ slot, version: 0 }));
    await this.journal.release(slots as never);
    this.#engine = this.#open("again");
    await this.engine.start();
  }

  #open(name: string): Engine {
    const { runtime, journal, policies, registry } = this;
    return new Engine({
      ...{ runtime, log: SILENT_LOG, journal, nodes: journal, policies, name },
      sharedStates: new MemorySharedStates(),
      readiness: openOracle(),
      plans: registry,
      codeOf: (hash) => registry.codeOf(hash),
      isLocalOwner: () => true,
      remote: () => ({ start: () => {}, stop: () => {}, unconfirmed: () => 0 }),
      incarnation: name as Incarnation,
      replaces: undefined,
      fenced: () => {},
    });
  }
}
