/** The API over fakes in memory, for its tests and those of its clients. */

import { MemoryAudit } from "./memory_audit.ts";
import { fakeDeadLetters, replayInto } from "./fake_dead_letters.ts";
import type { Answer, OutsideCommand } from "../../src/core/command.ts";
import { checkEnvelope, type Envelope } from "../../src/core/envelope.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { MemoryPolicies } from "../../src/journal/memory_stores.ts";
import type { Event, Turn } from "../../src/core/event.ts";
import { foldTask } from "../../src/core/evolve.ts";
import { mintTaskId, type TaskId } from "../../src/core/ids.ts";
import { encodePayload } from "../../src/core/payload.ts";
import { type Plan, planOf } from "../../src/core/plan.ts";
import { fillPolicy } from "../../src/core/policy.ts";
import type {
  CommittedTurn,
  DeadLetter,
  Diagnoser,
  KeyRow,
  ResidentTask,
  StartRequest,
  TaskFilter,
  TaskSummary,
  TurnPage,
} from "../../src/core/ports.ts";
import { rollup } from "../../src/core/rollup.ts";
import { TaskLabels } from "../../src/core/search.ts";
import type { Definition, StepDefinition } from "../../src/core/workflow.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { MemorySharedStates, MemoryStatistics } from "../../src/journal/memory_stores.ts";
import { fakeAuthoring } from "./fake_authoring.ts";
import { fakeHealing } from "./fake_healing.ts";
import { openDeploying } from "./deploying.ts";
import { FakeNotes } from "./fake_notes.ts";
import { fakeAccess } from "./fake_sessions.ts";
import { exportsOf, listsOf } from "./fake_lists.ts";
import { fakeStarts } from "./fake_starts.ts";
import { fakeSystems } from "./fake_systems.ts";
import { openDiagnoser } from "../../src/heal/diagnoser.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { type Api, openApi } from "../../src/api/api.ts";
import { makeKey } from "../../src/api/api_key.ts";
import { type Scope, SCOPES } from "../../src/core/api_key.ts";
import type { ApiDeps } from "../../src/api/deps.ts";

/** A step with every field filled in. */
function stepOf(name: string, parts: Partial<StepDefinition> = {}): StepDefinition {
  return {
    name,
    kind: "local",
    owner: "orders",
    needs: {},
    after: [],
    when: "succeeded",
    contract: {},
    atMostOnce: false,
    policy: {},
    ...parts,
  };
}

const REMOTE = { kind: "remote", owner: "inventory" } as const;

/** Two local steps, a remote one and a signal. */
const ORDERS: Definition = {
  namespace: "orders",
  name: "process",
  version: "1.0.0",
  failurePolicy: "continue_independent",
  steps: [
    stepOf("validate"),
    stepOf("reserve", { ...REMOTE, event: "inventory.reserve", needs: { order: "validate" } }),
    stepOf("approval", { kind: "signal", after: ["validate"] }),
  ],
};

/** Another tenant's. */
const BILLS: Definition = { ...ORDERS, namespace: "billing", name: "bill" };

/** A task as the fake engine keeps it. */
interface KeptTask {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly turns: Turn[];
  readonly body: string;
}

/** An engine that records commands and keeps journals, but decides nothing. */
class FakeEngine {
  readonly plans: Plan[] = [ORDERS, BILLS].map((definition, index) =>
    planOf(`hash${index}`, definition)
  );
  readonly commands: OutsideCommand[] = [];
  readonly starts: StartRequest[] = [];
  readonly #tasks = new Map<TaskId, KeptTask>();
  readonly #keys = new Map<string, TaskId>();
  /** Rises when the tasks were away and have come back. */
  tenures = 1;
  readonly #watchers = new Set<(committed: CommittedTurn) => void>();
  /** Thrown by the next command. */
  refusal: Error | undefined;
  /** False: its tasks are those of another node, and the feed is silent. */
  isFeedOn = true;
  /** True: turns come from actors that were restarted before they were committed. */
  isRestarted = false;
  /** What was read of rows and journals. */
  queries = 0;

  constructor(readonly runtime: VirtualRuntime) {}

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Appends a turn as the owner of the task would. */
  commit(taskId: TaskId, ...events: Event[]): void {
    const task = this.#task(taskId);
    const turn = { turn: task.turns.length + 1, commandIds: [], events };
    task.turns.push(turn);
    if (!this.isFeedOn) return;
    const { state } = this.#summary(task);
    const { namespace } = task.plan.definition;
    const resident = this.isRestarted ? undefined : this.#resident(task);
    for (const notify of this.#watchers) {
      const newest = resident?.state;
      notify({ taskId, namespace, plan: task.plan, turn, state, resident, newest });
    }
  }

  /** What the owner has in memory: all but ended tasks. */
  peek(taskId: TaskId): ResidentTask | undefined {
    const task = this.#tasks.get(taskId);
    const resident = task && this.isFeedOn ? this.#resident(task) : undefined;
    return resident?.state.end === undefined ? resident : undefined;
  }

  tenure(): number | undefined {
    return this.isFeedOn ? this.tenures : undefined;
  }

  start(request: StartRequest): Promise<Answer> {
    this.#refuse();
    this.starts.push(request);
    const plan = this.plans.find((one) => one.workflow === request.workflow);
    if (plan === undefined) throw new TaskerError("definition.unknown", "Cannot find it");
    const body = JSON.stringify([request.input, request.tags, request.workflow]);
    const key = `${plan.definition.namespace}/${request.key ?? request.commandId}`;
    const known = this.#keys.get(key);
    if (known !== undefined) {
      if (this.#task(known).body !== body) throw new TaskerError("journal.conflict", "Other body");
      return Promise.resolve({ taskId: known, turn: 1, changed: false });
    }
    const taskId = mintTaskId(this.runtime.now(), 7, this.runtime.uuid());
    this.#keys.set(key, taskId);
    this.#tasks.set(taskId, { taskId, plan, turns: [], body });
    const { tags } = request;
    const input = encodePayload(request.input, "input");
    const base = { kind: "TaskStarted", atMs: this.runtime.now() } as const;
    this.commit(taskId, { ...base, definitionHash: plan.hash, input, tags });
    return Promise.resolve({ taskId, turn: 1, changed: true });
  }

  send(command: OutsideCommand): Promise<Answer> {
    this.#refuse();
    const isRepeat = this.commands.some(({ commandId }) => commandId === command.commandId);
    this.commands.push(command);
    const { length } = this.#task(command.taskId).turns;
    return Promise.resolve({ taskId: command.taskId, turn: length, changed: !isRepeat });
  }

  tasks(filter: TaskFilter): Promise<readonly TaskSummary[]> {
    const all = [...this.#tasks.values()].map((task) => this.#summary(task));
    const found = all.filter((one) =>
      (filter.namespaces?.includes(one.namespace) ?? true) &&
      (filter.workflow ?? `${one.namespace}/${one.workflow}`) ===
        `${one.namespace}/${one.workflow}` &&
      (filter.states?.includes(one.state) ?? true) &&
      (filter.tags?.every((tag) => one.tags.includes(tag)) ?? true) &&
      (filter.labels?.every((group) => group.some((label) => one.labels.includes(label))) ??
        true) &&
      (filter.after === undefined || one.taskId < filter.after)
    );
    found.sort((one, other) => one.taskId < other.taskId ? 1 : -1);
    return Promise.resolve(found.slice(0, filter.limit));
  }

  task(taskId: TaskId): Promise<TaskSummary | undefined> {
    this.queries++;
    const task = this.#tasks.get(taskId);
    return Promise.resolve(task === undefined ? undefined : this.#summary(task));
  }

  turns(taskId: TaskId, afterTurn: number, limit: number): Promise<TurnPage> {
    this.queries++;
    const later = this.#task(taskId).turns.filter(({ turn }) => turn > afterTurn);
    return Promise.resolve({ turns: later.slice(0, limit), isLast: later.length <= limit });
  }

  subscribe(call: (committed: CommittedTurn) => void): () => void {
    this.#watchers.add(call);
    return () => this.#watchers.delete(call);
  }

  #task(taskId: TaskId): KeptTask {
    const task = this.#tasks.get(taskId);
    if (task === undefined) throw new TaskerError("task.not_found", "Cannot find it");
    return task;
  }

  #resident(task: KeptTask): ResidentTask | undefined {
    const state = foldTask(task.taskId, task.plan, task.turns);
    const { state: name, blockedReason = null } = this.#summary(task);
    return state && { plan: task.plan, state, row: { state: name, blockedReason } };
  }

  #summary({ taskId, plan, turns }: KeptTask): TaskSummary {
    const state = foldTask(taskId, plan, turns);
    if (state === undefined) throw new TaskerError("task.not_found", "It has no turns");
    const rolled = rollup(plan, state);
    const isIdle = rolled.state === "blocked" && rolled.blockedReason === "no step can go on";
    return {
      taskId,
      namespace: plan.definition.namespace,
      workflow: plan.definition.name,
      version: plan.definition.version,
      definitionHash: plan.hash,
      state: isIdle ? "running" : rolled.state,
      blockedReason: isIdle ? undefined : rolled.blockedReason,
      tags: state.tags,
      createdAtMs: state.createdAtMs,
      endedAtMs: state.endedAtMs,
      labels: new TaskLabels(plan).of(state),
    };
  }

  #refuse(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }
}

/** The API over fakes, and keys to it. */
export interface FakeApi {
  readonly api: Api;
  readonly deps: ApiDeps;
  readonly runtime: VirtualRuntime;
  readonly engine: FakeEngine;
  readonly keyRows: KeyRow[];
  readonly letters: DeadLetter[];
  readonly statistics: MemoryStatistics;
  readonly replayed: DeadLetter[];
  readonly replies: Envelope[];
  /** Makes a key and returns its secret. */
  key(
    scopes?: readonly Scope[],
    namespaces?: readonly string[],
    systems?: readonly string[],
  ): string;
  /** Asks the API with a key for everything, unless another is given; "" = none. */
  ask(line: string, options?: AskOptions): Promise<Response>;
  /** As `ask`, and parses the answer. */
  json<T = Record<string, unknown>>(line: string, options?: AskOptions): Promise<T>;
  /** Starts a task of ORDERS. */
  started(options?: AskOptions): Promise<TaskId>;
}

/** How to ask. `body` is sent as JSON. */
export interface AskOptions {
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Opens the API over fakes. `more` replaces single ones of them. */
export function fakeApi(more: Partial<ApiDeps> = {}): FakeApi {
  const runtime = new VirtualRuntime();
  const engine = new FakeEngine(runtime);
  const kept = {
    keyRows: [] as KeyRow[],
    letters: [] as DeadLetter[],
    statistics: new MemoryStatistics(),
  };
  const seen = { replayed: [] as DeadLetter[], replies: [] as Envelope[] };
  const deps: ApiDeps = { ...fakeDeps(runtime, engine, kept, seen), ...more };
  const api = openApi(deps);
  const key = (
    scopes: readonly Scope[] = SCOPES,
    namespaces: readonly string[] = ["*"],
    systems: readonly string[] = namespaces.filter((name) => name === "*"),
  ) => {
    const { secret, row } = makeKey(runtime, { name: "tester", scopes, namespaces, systems });
    kept.keyRows.push(row);
    return secret;
  };
  const whole = key();
  const ask = (line: string, options: AskOptions = {}) =>
    api.fetch(requestOf(line, { key: whole, ...options }));
  const json = async <T>(line: string, options?: AskOptions) =>
    await (await ask(line, options)).json() as T;
  const started = async (options: AskOptions = {}) => {
    const body = { workflow: "orders/process", input: { id: 1 } };
    return (await json<{ id: TaskId }>("POST /v1/tasks", { body, ...options })).id;
  };
  return { api, deps, runtime, engine, ...kept, ...seen, key, ask, json, started };
}

function requestOf(line: string, { key = "", body, headers = {}, signal }: AskOptions): Request {
  const [method = "GET", path = "/"] = line.split(" ");
  return new Request(`http://tasker.test${path}`, {
    method,
    headers: {
      ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function fakeDiagnoser(runtime: VirtualRuntime, engine: FakeEngine): Diagnoser {
  return openDiagnoser({
    runtime,
    history: { turns: (taskId, afterTurn, limit) => engine.turns(taskId, afterTurn, limit) },
    tasks: { async *tasks() {} },
    statistics: { read: () => Promise.resolve([]) },
    plans: { byHash: (hash) => Promise.resolve(engine.plans.find((plan) => plan.hash === hash)) },
    policyOf: () => fillPolicy(false),
    workflowsOf: () => [],
  });
}

function fakeDeps(
  runtime: VirtualRuntime,
  engine: FakeEngine,
  kept: { keyRows: KeyRow[]; letters: DeadLetter[]; statistics: MemoryStatistics },
  seen: { replayed: DeadLetter[]; replies: Envelope[] },
): ApiDeps {
  return {
    ...{ runtime, log: SILENT_LOG, metrics: new Metrics(), noteRequest: () => {} },
    starter: engine,
    starts: fakeStarts(engine.plans),
    sink: {
      send: (command) => engine.send(command as OutsideCommand),
      mintTaskId: () => mintTaskId(runtime.now(), 7, runtime.uuid()),
    },
    history: {
      ...listsOf(engine),
      task: (taskId) => engine.task(taskId),
      turns: (taskId, afterTurn, limit) => engine.turns(taskId, afterTurn, limit),
      ping: () => Promise.resolve(),
    },
    exports: exportsOf(engine),
    feed: engine,
    notes: new FakeNotes(),
    residents: engine,
    diagnoser: fakeDiagnoser(runtime, engine),
    ...fakeAuthoring(runtime),
    plans: { byHash: (hash) => Promise.resolve(engine.plans.find((plan) => plan.hash === hash)) },
    definitions: {
      put: () => Promise.resolve(),
      get: (hash) => Promise.resolve(engine.plans.find((plan) => plan.hash === hash)?.definition),
      list: () => Promise.resolve(engine.plans),
    },
    checkTrigger: () => {},
    deployer: openDeploying().deployer,
    policies: new MemoryPolicies(),
    sharedStates: new MemorySharedStates(),
    policyOf: ({ plan }, step) => fillPolicy(false, plan.steps[step]?.definition.policy),
    ...fakeAccess(kept.keyRows),
    audit: new MemoryAudit(),
    stepLogs: { read: () => Promise.resolve([]) },
    dead: fakeDeadLetters(kept.letters),
    statistics: kept.statistics,
    replayDead: (letter) => replayInto(seen.replayed, letter),
    ...fakeSystems(),
    ...fakeHealing(),
    worker: {
      poll: () => Promise.resolve([]),
      reply: async (_system, reply) => void seen.replies.push(checkEnvelope(await reply)),
    },
    bus: { prefix: "tasker.workflows", servers: [] },
    health: {
      node: "node-1",
      version: "0.0.0",
      notReady: () => Promise.resolve(undefined),
      checks: [],
    },
  };
}
