/** Several nodes in one process on one virtual clock: they may crash, freeze and lose their database. */

import { openOracle } from "../../ffi/oracle.ts";
import type { Answer } from "../../src/core/command.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { foldTask } from "../../src/core/evolve.ts";
import { type Incarnation, mintTaskId, SLOTS, type TaskId } from "../../src/core/ids.ts";
import type { JsonText } from "../../src/core/payload.ts";
import { type Plan, planOf } from "../../src/core/plan.ts";
import type {
  Attempt,
  Cancel,
  Journal,
  LoadedTask,
  Nodes,
  Runtime,
  SharedStates,
} from "../../src/core/ports.ts";
import type { TaskState } from "../../src/core/state.ts";
import type { RunContext, StepCode } from "../../src/core/workflow.ts";
import { Engine } from "../../src/server/engine.ts";
import { MemoryPolicies, MemorySharedStates } from "../../src/journal/memory_stores.ts";
import type { RemoteAttempts } from "../../src/dispatch/runner.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { ClusterStore } from "./cluster_store.ts";
import { definitionOf, type DriverStep } from "./task_driver.ts";

/** How long a statement takes at most, on its way there and back. */
const STATEMENT_MS_MAX = 20;

/** What a step does on a node; `sleep` is the node's, so that code freezes with it. */
export type ClusterCode = (
  context: RunContext,
  node: ClusterNode,
) => Promise<unknown>;

/** One process. */
export class ClusterNode {
  readonly incarnation: Incarnation;
  readonly engine: Engine;
  /** The share of its statements that fail, before or after they were done. */
  faultRate = 0;
  isCut = false;
  /** Its rows do not come through, while all else does. */
  isStuck = false;
  isDead = false;
  readonly #runtime: Runtime;
  #seen = -1;
  #frozen: Promise<void> | undefined;
  #thaw: () => void = () => {};

  constructor(
    readonly cluster: Cluster,
    readonly name: string,
    /** The newest event format that it reads. */
    readonly format: number,
  ) {
    this.incarnation = cluster.runtime.uuid() as Incarnation;
    this.#runtime = this.#makeRuntime();
    this.engine = this.#makeEngine();
  }

  /** Stops it where it is, memory and all; what it waits for never comes. */
  kill(): void {
    this.isDead = true;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  freeze(): void {
    if (this.#frozen === undefined) {
      this.#frozen = new Promise((resolve) => this.#thaw = resolve);
    }
  }

  thaw(): void {
    this.#thaw();
    this.#frozen = undefined;
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((wake) => this.#runtime.after(ms, wake));
  }

  /** Lets code of this node go on only while the process lives and is not stopped. */
  async #gate(): Promise<void> {
    while (this.#frozen !== undefined) await this.#frozen;
    if (this.isDead) await new Promise(() => {});
  }

  #when(call: () => void): void {
    if (this.isDead) return;
    if (this.#frozen === undefined) call();
    else void this.#gate().then(call);
  }

  #makeRuntime(): Runtime {
    const { runtime } = this.cluster;
    return {
      now: () => runtime.now(),
      monotonic: () => runtime.monotonic(),
      setOffset: () => {},
      after: (ms, call): Cancel => runtime.after(ms, () => this.#when(call)),
      soon: (call) => runtime.soon(() => this.#when(call)),
      random: () => runtime.random(),
      uuid: () => runtime.uuid(),
      sign: (secret, text) => runtime.sign(secret, text),
      digest: (text) => runtime.digest(text),
    };
  }

  /** One statement: it takes time, it may be lost, and its answer may be. */
  async #ask<T>(statement: () => T, mayFail: boolean): Promise<T> {
    const { runtime } = this.cluster;
    const travel = () =>
      new Promise<void>((wake) => runtime.after(runtime.random() * STATEMENT_MS_MAX / 2, wake));
    await travel();
    await this.#gate();
    for (;;) {
      const isLost = this.isCut || runtime.random() < this.faultRate;
      if (!isLost) break;
      // The writer sends the same rows again until it knows; all else is reported.
      if (!this.isCut && runtime.random() < 0.5) statement();
      await travel();
      await this.#gate();
      if (mayFail) throw new TaskerError("journal.unavailable", "the answer was lost");
      await new Promise<void>((wake) => runtime.after(100, wake));
      await this.#gate();
    }
    const answer = statement();
    await travel();
    await this.#gate();
    return answer;
  }

  #journal(): Journal {
    const { store } = this.cluster;
    let waiting = 0;
    const write = async <T>(statement: () => T): Promise<T> => {
      waiting++;
      try {
        while (this.isStuck) await this.sleep(100);
        return await this.#ask(statement, false);
      } finally {
        waiting--;
      }
    };
    return {
      append: (row) => write(() => store.append(this.incarnation, row)),
      confirm: (entry) => write(() => store.confirm(this.incarnation, entry)),
      load: (taskIds) => this.#load(taskIds),
      figures: () => ({ commits: 0, rows: 0, queries: 0, bytes: 0, flushMs: 0 }),
      idle: async () => {
        while (waiting > 0) await this.sleep(1);
      },
    };
  }

  async *#load(taskIds: readonly TaskId[]): AsyncIterable<LoadedTask> {
    yield* await this.#ask(() => this.cluster.store.load(taskIds, this.format), true);
  }

  #nodes(): Nodes {
    const { store } = this.cluster;
    const { incarnation } = this;
    const ask = <T>(statement: () => T) => this.#ask(statement, true);
    const move = <T>(statement: () => T) => {
      this.#seen = -1;
      return ask(statement);
    };
    return {
      join: ({ name, bus }) => ask(() => store.join(incarnation, name, this.format, bus)),
      poll: async () => {
        const polled = await ask(() => store.poll(incarnation, this.#seen));
        this.#seen = polled.moves;
        return polled;
      },
      claim: (slots) => move(() => store.claim(incarnation, slots)),
      requireNewerFormat: (slots) =>
        move(() => store.requireFormat(incarnation, slots, this.format + 1)),
      release: (slots) => move(() => store.release(incarnation, slots)),
      takeOver: (dead) => move(() => store.end(dead, false)),
      freeOrphans: () => move(() => store.freeOrphans()),
      residents: (slots) => ask(() => store.residents(slots)),
      due: (places) => ask(() => store.due(places)),
      post: (rows) => ask(() => rows.forEach((row) => store.post(row))),
      takeAnswers: (commandIds) => ask(() => store.takeAnswers(commandIds)),
      onWake: () => Promise.resolve(() => {}),
      leave: async () => void await move(() => store.end(incarnation, true)),
    };
  }

  #sharedStates(): SharedStates {
    const { sharedStates } = this.cluster;
    return {
      read: async (keys) => await this.#ask(() => sharedStates.read(keys), true),
      write: async (states) => await this.#ask(() => sharedStates.write(states), true),
    };
  }

  #makeEngine(): Engine {
    const { plan, code } = this.cluster;
    const codes = plan.steps.map(({ name }): [string, StepCode] => [
      name,
      { run: (context) => code(context, this) },
    ]);
    return new Engine({
      runtime: this.#runtime,
      log: SILENT_LOG,
      journal: this.#journal(),
      nodes: this.#nodes(),
      policies: this.cluster.policies,
      sharedStates: this.#sharedStates(),
      readiness: openOracle(),
      plans: { cached: () => plan, byHash: () => Promise.resolve(plan) },
      codeOf: () => ({ steps: new Map(codes) }),
      isLocalOwner: () => true,
      remote: (): RemoteAttempts => ({
        start: (attempt) => this.#when(() => this.cluster.broker(attempt)),
        stop: () => {},
        unconfirmed: () => 0,
      }),
      incarnation: this.incarnation,
      name: this.name,
      bus: "one",
      replaces: undefined,
      fenced: () => this.cluster.replace(this),
    });
  }
}

/** All nodes over one store. */
export class Cluster {
  readonly runtime: VirtualRuntime;
  readonly store: ClusterStore;
  readonly policies = new MemoryPolicies();
  readonly sharedStates = new MemorySharedStates();
  readonly plan: Plan;
  readonly nodes: ClusterNode[] = [];
  /** Attempts that reached the broker, by `task/step/attempt`. */
  readonly published: string[] = [];
  /** Those that reached the other system and are not answered. */
  readonly worked = new Set<string>();

  constructor(seed: number, steps: readonly DriverStep[], readonly code: ClusterCode) {
    this.runtime = new VirtualRuntime(seed);
    this.store = new ClusterStore(this.runtime);
    this.plan = planOf("hash", definitionOf(steps));
  }

  /** Starts a process. */
  add(format = 1): ClusterNode {
    const node = new ClusterNode(this, `n${this.nodes.length}`, format);
    this.nodes.push(node);
    const start = (): void =>
      void node.engine.start().catch(() => this.runtime.after(1_000, start));
    start();
    return node;
  }

  /** A fenced node's process goes on as a new incarnation. */
  replace(node: ClusterNode): void {
    node.kill();
    this.add(node.format);
  }

  get alive(): readonly ClusterNode[] {
    return this.nodes.filter((node) => !node.isDead);
  }

  /** A broker: it may lose and repeat; a system answers to whichever node listens. */
  broker({ taskId, plan, step, attempt }: Attempt): void {
    const { runtime } = this;
    const id = `${taskId}/${plan.steps[step]?.name}/${attempt}`;
    this.published.push(id);
    if (runtime.random() < 0.1) return;
    this.worked.add(id);
    for (let copies = runtime.random() < 0.1 ? 2 : 1; copies > 0; copies--) {
      runtime.after(runtime.random() * 1_000, () => {
        this.worked.delete(id);
        const node = this.any();
        const result = JSON.stringify({ attempt }) as JsonText;
        const outcome = { kind: "completed", result } as const;
        node?.engine.router.record({ kind: "RecordStepResult", taskId, step, attempt, outcome });
      });
    }
  }

  /** How many slots one node serves, and one alone. */
  served(): number {
    const { runtime, alive } = this;
    const slots = Array.from({ length: SLOTS }, (_, slot) => {
      const taskId = mintTaskId(runtime.now(), slot, runtime.uuid());
      return alive.filter(({ engine }) => engine.router.owns(taskId)).length;
    });
    return slots.filter((nodes) => nodes === 1).length;
  }

  /** A node that lives, drawn by lot. */
  any(): ClusterNode | undefined {
    const { alive } = this;
    return alive[Math.floor(this.runtime.random() * alive.length)];
  }

  /** Starts a task somewhere; resolves when that is acknowledged, whoever had to be asked. */
  async start(key: string): Promise<Answer> {
    for (;;) {
      const answer = await this.tried((node) => {
        const { router } = node.engine;
        return router.send({
          kind: "StartTask",
          taskId: router.mintTaskId(),
          commandId: key,
          key,
          namespace: "test",
          workflow: this.plan.workflow,
          version: "1.0.0",
          definitionHash: this.plan.hash,
          input: "{}" as JsonText,
          tags: [],
        });
      });
      if (answer !== undefined) return answer;
    }
  }

  /** Asks any node; undefined when it refuses, dies or does not answer in 40 s. */
  async tried(ask: (node: ClusterNode) => Promise<Answer>): Promise<Answer | undefined> {
    const node = this.any();
    const pause = (ms: number) =>
      new Promise<undefined>((wake) => this.runtime.after(ms, () => wake(undefined)));
    if (node === undefined) return await pause(1_000);
    const asked = ask(node).catch(() => pause(500));
    return await Promise.race([asked, pause(40_000)]);
  }

  state(taskId: TaskId): TaskState {
    const state = foldTask(taskId, this.plan, this.store.tasks.get(taskId)?.turns ?? []);
    if (state === undefined) throw new Error(`no task ${taskId}`);
    return state;
  }
}
