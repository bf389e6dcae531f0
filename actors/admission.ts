/** Admission: who may start now, by places on the node, a step's own limit and its owner's circuit. */

import {
  type BreakerState,
  type Circuit,
  circuitOf,
  grant,
  newBreaker,
  observe,
} from "../src/core/breaker.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Admission, AdmissionRequest, Runtime } from "../src/core/ports.ts";

/** Local attempts that run at once on a node. */
export const RUNNING_MAX = 1024;

/** How soon all that wait are asked again: circuits close and budgets fill without a release. */
const ASK_AGAIN_MS = 1_000;

/** Waiting tasks asked at a release; more than one, since the first may not want the place now. */
const ASKED_PER_RELEASE = 8;

/** The admission of one node. Waiting tasks are asked again in the order they came. */
export class NodeAdmission implements Admission {
  readonly #held = new Map<string, string>();
  readonly #running = new Map<string, number>();
  readonly #breakers = new Map<string, BreakerState>();
  readonly #waiting = new Set<TaskId>();
  /** Attempts that try an open circuit. */
  readonly #tries = new Set<string>();
  #local = 0;
  #isAsking = false;
  /** No attempt starts while the node drains. */
  isDraining = false;

  constructor(readonly runtime: Runtime, readonly askAgain: (taskId: TaskId) => void) {}

  /** Attempts that hold a place. */
  get held(): number {
    return this.#held.size;
  }

  /** Local attempts that run. */
  get local(): number {
    return this.#local;
  }

  admit(of: AdmissionRequest): boolean {
    const { taskId, plan, step } = of;
    const { kind, owner } = this.#stepOf(plan, step);
    if (this.isDraining) return this.#wait(taskId);
    if (kind === "sleep" || kind === "signal") return true;
    const place = `${plan.hash}/${step}`;
    const isFull = (this.#running.get(place) ?? 0) >= (of.concurrencyMax ?? Infinity) ||
      (kind === "local" && this.#local >= RUNNING_MAX);
    if (isFull) return this.#wait(taskId);
    const isGranted = kind === "local" ||
      grant(this.#breaker(owner), { isRetry: of.attempt > 1, nowMs: this.runtime.monotonic() });
    if (!isGranted) return this.#wait(taskId);
    const key = `${taskId}/${step}`;
    this.#take(key, place, kind === "local");
    if (kind !== "local" && this.#breaker(owner).isTrying) this.#tries.add(key);
    return true;
  }

  release(taskId: TaskId, plan: Plan, step: number, answered?: boolean): void {
    const key = `${taskId}/${step}`;
    const place = this.#held.get(key);
    if (place === undefined) return;
    this.#held.delete(key);
    const running = (this.#running.get(place) ?? 1) - 1;
    if (running === 0) this.#running.delete(place);
    else this.#running.set(place, running);
    const { kind, owner } = this.#stepOf(plan, step);
    if (kind === "local") this.#local--;
    else if (kind === "remote") this.#tellCircuit(key, owner, answered);
    if (this.#waiting.size > 0) this.#askFirst(ASKED_PER_RELEASE);
  }

  /** Returns the circuit of a system. */
  circuit(owner: string): Circuit {
    return circuitOf(this.#breaker(owner), this.runtime.monotonic());
  }

  /** Forgets a task that left this node. */
  forget(taskId: TaskId): void {
    this.#waiting.delete(taskId);
  }

  /** Takes a place for an attempt that an earlier owner started. */
  hold(taskId: TaskId, plan: Plan, step: number): void {
    this.#take(
      `${taskId}/${step}`,
      `${plan.hash}/${step}`,
      this.#stepOf(plan, step).kind === "local",
    );
  }

  /** A try of an open circuit that ends without an answer, such as a cancelled one, is over too. */
  #tellCircuit(key: string, owner: string, answered: boolean | undefined): void {
    const breaker = this.#breaker(owner);
    if (this.#tries.delete(key)) breaker.isTrying = false;
    if (answered !== undefined) {
      observe(breaker, { ok: answered, nowMs: this.runtime.monotonic() });
    }
  }

  #take(key: string, place: string, isLocal: boolean): void {
    if (this.#held.has(key)) return;
    this.#held.set(key, place);
    this.#running.set(place, (this.#running.get(place) ?? 0) + 1);
    if (isLocal) this.#local++;
  }

  #wait(taskId: TaskId): false {
    this.#waiting.add(taskId);
    if (!this.#isAsking) {
      this.#isAsking = true;
      this.runtime.after(ASK_AGAIN_MS, () => {
        this.#isAsking = false;
        this.#askFirst(this.#waiting.size);
      });
    }
    return false;
  }

  #askFirst(count: number): void {
    for (const taskId of [...this.#waiting].slice(0, count)) this.#ask(taskId);
  }

  #ask(taskId: TaskId): void {
    this.#waiting.delete(taskId);
    this.askAgain(taskId);
  }

  #breaker(owner: string): BreakerState {
    let breaker = this.#breakers.get(owner);
    if (breaker === undefined) this.#breakers.set(owner, breaker = newBreaker());
    return breaker;
  }

  #stepOf(plan: Plan, step: number): { kind: string; owner: string } {
    return plan.steps[step]?.definition ?? { kind: "local", owner: "" };
  }
}
