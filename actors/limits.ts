/** Limits: what a step must be granted before it starts. Each has a line of the steps that wait. */

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
import { Line, type Waiter } from "./line.ts";

/** A step that wants to start, or runs: it is granted its limits one after the other. */
export interface Claim extends Waiter<Claim> {
  readonly taskId: TaskId;
  readonly step: number;
  /** The system that is asked; undefined when the step runs here. */
  readonly system: SystemLimits | undefined;
  /** In the order in which they are asked. */
  readonly limits: readonly Limit[];
  /** How many of them are granted. While it is fewer than all, the claim stands in the next's line. */
  granted: number;
  /** Attempts of its step that may run at once. */
  concurrencyMax: number;
  /** It tries a half-open circuit. */
  isTry: boolean;
  /** The grant was taken: an attempt runs, and its end says something about its system. */
  isStarted: boolean;
}

/** One limit. */
export interface Limit {
  readonly reason: WaitReason;
  readonly line: Line<Claim>;
  /** The one timer of the limit, armed only while somebody waits for time to pass. */
  timer: Cancel | undefined;
  /** Grants itself to a claim, if it can now. */
  take(claim: Claim, nowMs: number): boolean;
  /** Takes back what a claim was granted. */
  giveBack(claim: Claim): void;
  /** How long until time alone grants the next, in ms; undefined when something must happen first. */
  opensInMs(nowMs: number): number | undefined;
}

/** So many at once, on this node. */
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

  /** Takes a place even where there is none: the attempt runs already. */
  hold(): void {
    this.#taken++;
  }

  giveBack(): void {
    this.#taken--;
  }

  opensInMs(): undefined {}
}

/** Leaves a failing system alone, and tries it with one attempt after a time. */
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

  /** A try that ends without an answer, such as a cancelled one, is over too. */
  giveBack(claim: Claim): void {
    if (claim.isTry) this.state.isTrying = false;
  }

  opensInMs(nowMs: number): number | undefined {
    if (this.state.isTrying) return undefined;
    const { openedAtMs } = this.state;
    return openedAtMs === undefined ? 0 : Math.max(0, openedAtMs + OPEN_MS - nowMs);
  }
}

/** Bounds the retries that a system is sent. What is spent is not given back. */
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

/** How often the bus is asked whether a first worker has come, while steps wait for it. */
export const LOOK_MS = 500;

/** What a worker gate works with. */
export interface WorkerGateDeps {
  readonly runtime: Runtime;
  /** Whether a worker has ever asked for commands of the system; undefined: none has to come. */
  readonly hasWorker: (() => Promise<boolean>) | undefined;
  /** Called once the gate is open. */
  opened(gate: Limit): void;
}

/**
 * Holds a system's steps back until its first worker has come: their time-outs would begin before
 * anybody could answer. Once open it stays open.
 */
class WorkerGate implements Limit {
  readonly reason = "no_worker";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #isOpen: boolean;
  #isLooking = false;

  constructor(readonly parts: WorkerGateDeps) {
    this.#isOpen = parts.hasWorker === undefined;
  }

  take(): boolean {
    if (!this.#isOpen) void this.look();
    return this.#isOpen;
  }

  giveBack(): void {}

  opensInMs(): undefined {}

  /** Asks the bus, and again as long as steps wait; a bus that is away cannot tell. */
  async look(): Promise<void> {
    const { hasWorker } = this.parts;
    if (this.#isOpen || this.#isLooking || hasWorker === undefined) return;
    this.#isLooking = true;
    this.#isOpen = await hasWorker().catch(() => false);
    this.#isLooking = false;
    if (this.#isOpen) return this.parts.opened(this);
    if (this.line.first === undefined) return;
    this.#isLooking = true;
    this.parts.runtime.after(LOOK_MS, () => {
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

  constructor(parts: WorkerGateDeps) {
    this.retries = new RetryLimit(parts.runtime.monotonic());
    this.workers = new WorkerGate(parts);
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
