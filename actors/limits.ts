/** Limits: what a step must be granted before it starts. Each has a line of steps that wait for it. */

import {
  circuitOf,
  type CircuitState,
  creditAnswer,
  newCircuit,
  newRetryBudget,
  nextRetryInMs,
  observe,
  OPEN_MS,
  passCircuit,
  type RetryBudget,
  spendRetry,
} from "../src/core/breaker.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";
import type { WaitReason } from "../src/core/rollup.ts";

/** Who can stand in a line, in one at a time. Only the line writes these fields. */
interface Waiter<W> {
  before?: W | undefined;
  after?: W | undefined;
}

/**
 * A queue that a waiter can leave from any position in O(1).
 *
 * A linked list, because a Set is slow here: to find its first entry it skips all deleted ones.
 */
class Line<W extends Waiter<W>> {
  #first: W | undefined;
  #last: W | undefined;

  get first(): W | undefined {
    return this.#first;
  }

  /** Puts a waiter that stands in no line at the end. */
  join(waiter: W): void {
    waiter.before = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.after = waiter;
    this.#last = waiter;
  }

  /** Takes out a waiter that stands in this line. */
  leave(waiter: W): void {
    const { before, after } = waiter;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
  }
}

/** A step that waits to start, or runs. It is granted its limits one after the other. */
export interface Claim extends Waiter<Claim> {
  readonly taskId: TaskId;
  readonly step: number;
  /** The system that runs the step; undefined when it runs here. */
  readonly system: SystemLimits | undefined;
  /** In the order in which they are granted. */
  readonly limits: readonly Limit[];
  /** How many of them are granted. If not all are, the claim stands in the line of the next one. */
  granted: number;
  /** Attempts of its step that may run at once. */
  concurrencyMax: number;
  /** It is the one try that a half-open circuit allows. */
  isTry: boolean;
  /** An attempt runs: its end shows whether the system answers. */
  isStarted: boolean;
}

/** One limit. */
export interface Limit {
  readonly reason: WaitReason;
  readonly line: Line<Claim>;
  /** The one timer of the limit, armed only while somebody waits for time to pass. */
  timer: Cancel | undefined;
  /** Grants itself to a claim, if it has something free. */
  take(claim: Claim, nowMs: number): boolean;
  /** Takes back what a claim was granted. */
  giveBack(claim: Claim): void;
  /** When something becomes free by itself, in ms from now; undefined: not by time alone. */
  opensInMs(nowMs: number): number | undefined;
}

/** A fixed number of places, on this node. */
export class Places implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #taken = 0;

  constructor(readonly reason: WaitReason, readonly maxOf: (claim: Claim) => number) {}

  take(claim: Claim): boolean {
    if (this.#taken >= this.maxOf(claim)) return false;
    this.hold();
    return true;
  }

  /** Takes a place, even if none is free: the attempt is running already. */
  hold(): void {
    this.#taken++;
  }

  giveBack(): void {
    this.#taken--;
  }

  opensInMs(): undefined {}
}

/** Sends nothing to a failing system for a time, then one attempt as a try. */
class CircuitBreaker implements Limit {
  readonly reason = "circuit_open";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  readonly state: CircuitState = newCircuit();

  take(claim: Claim, nowMs: number): boolean {
    const passed = passCircuit(this.state, nowMs);
    claim.isTry = passed === "try";
    return passed !== "refused";
  }

  /** A try is over also if it ends without an answer, for example because it was cancelled. */
  giveBack(claim: Claim): void {
    if (claim.isTry) this.state.isTrying = false;
  }

  opensInMs(nowMs: number): number | undefined {
    if (this.state.isTrying) return undefined;
    const { openedAtMs } = this.state;
    return openedAtMs === undefined ? 0 : Math.max(0, openedAtMs + OPEN_MS - nowMs);
  }
}

/** Limits the retries that a system is sent. What is spent is not given back. */
class RetryLimit implements Limit {
  readonly reason = "retry_budget";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  readonly budget: RetryBudget;

  constructor(nowMs: number) {
    this.budget = newRetryBudget(nowMs);
  }

  take(_claim: Claim, nowMs: number): boolean {
    return spendRetry(this.budget, nowMs);
  }

  giveBack(): void {}

  opensInMs(nowMs: number): number {
    return nextRetryInMs(this.budget, nowMs);
  }
}

/** How often the bus is asked for a first worker while steps wait for it, in ms. */
export const LOOK_MS = 500;

/** What a worker gate works with. */
export interface WorkerGateDeps {
  readonly runtime: Runtime;
  /** Whether a worker has ever asked for commands of the system; undefined: steps do not wait for one. */
  readonly hasWorker: (() => Promise<boolean>) | undefined;
  /** Called once the gate is open. */
  opened(gate: Limit): void;
}

/**
 * Lets a system's steps wait until its first worker has come: their time-outs would begin before
 * anybody could answer. Once open, it stays open.
 */
class WorkerGate implements Limit {
  readonly reason = "no_worker";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #isOpen: boolean;
  #isLooking = false;

  constructor(readonly deps: WorkerGateDeps) {
    this.#isOpen = deps.hasWorker === undefined;
  }

  take(): boolean {
    if (!this.#isOpen) void this.look();
    return this.#isOpen;
  }

  giveBack(): void {}

  opensInMs(): undefined {}

  /** Asks the bus, and again while steps wait. A bus that is down counts as no worker. */
  async look(): Promise<void> {
    const { hasWorker } = this.deps;
    if (this.#isOpen || this.#isLooking || hasWorker === undefined) return;
    this.#isLooking = true;
    this.#isOpen = await hasWorker().catch(() => false);
    this.#isLooking = false;
    if (this.#isOpen) return this.deps.opened(this);
    if (this.line.first === undefined) return;
    this.#isLooking = true;
    this.deps.runtime.after(LOOK_MS, () => {
      this.#isLooking = false;
      if (this.line.first !== undefined) void this.look();
    });
  }
}

/** The limits of one system. */
export class SystemLimits {
  readonly circuit = new CircuitBreaker();
  readonly retries: RetryLimit;
  readonly workers: WorkerGate;

  constructor(deps: WorkerGateDeps) {
    this.retries = new RetryLimit(deps.runtime.monotonic());
    this.workers = new WorkerGate(deps);
  }

  /** Returns the circuit's position at a time. */
  circuitAt(nowMs: number) {
    return circuitOf(this.circuit.state, nowMs);
  }

  /** Notes whether an attempt was answered. */
  observe(ok: boolean, nowMs: number): void {
    observe(this.circuit.state, { ok, nowMs });
    if (ok) creditAnswer(this.retries.budget);
  }
}
