/** Limits of systems: circuits, retry budgets, first workers, and what nodes share of them. */

import {
  circuitOf,
  type CircuitState,
  creditAnswer,
  endTry,
  newCircuit,
  newRetryBudget,
  nextRetryInMs,
  observe,
  OPEN_MS,
  openCircuit,
  passCircuit,
  rampCircuit,
  type RetryBudget,
  spendRetry,
} from "../src/core/breaker.ts";
import { systemLimitKey, WHOLE_SYSTEM } from "../src/core/policy.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";
import type { CircuitChange, Granted, Report, SystemLimit } from "../src/core/shared_limit.ts";
import { type Claim, type Limit, Line } from "./limits.ts";

/** Sends nothing to a failing system for a time, then a growing number of attempts as tries. */
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
    if (claim.isTry) endTry(this.state);
  }

  opensInMs(nowMs: number): number | undefined {
    const { openedAtMs, ramp, tries } = this.state;
    const since = openedAtMs ?? ramp?.sinceMs;
    if (since === undefined) return 0;
    if (openedAtMs !== undefined && tries > 0) return undefined;
    return Math.max(0, since + OPEN_MS - nowMs);
  }
}

/** The places of a system, or of one of its capabilities, that this node has of all nodes' together. */
export class SharedPlaces implements Limit {
  readonly reason = "system_concurrency";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  taken = 0;
  /** Infinity: no limit. */
  max = Infinity;

  constructor(readonly asked: () => void) {}

  take(): boolean {
    if (this.taken >= this.max) {
      // For the first that waits; those after it are seen by the settlement of each second.
      if (this.line.first === undefined) this.asked();
      return false;
    }
    this.hold();
    return true;
  }

  hold(): void {
    this.taken++;
  }

  giveBack(): void {
    this.taken--;
    // A place that goes to another node.
    if (this.taken >= this.max) this.asked();
  }

  opensInMs(): undefined {}
}

/** The starts of a system, or of one of its capabilities, that this node was given. */
class SharedRate implements Limit {
  readonly reason = "system_rate";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  /** Infinity: no limit. */
  left = Infinity;
  /** Since the last report. */
  spent = 0;

  constructor(readonly asked: () => void) {}

  take(): boolean {
    if (this.left < 1) {
      if (this.line.first === undefined) this.asked();
      return false;
    }
    this.left--;
    this.spent++;
    return true;
  }

  /** A start is a start, however it ends. */
  giveBack(): void {}

  opensInMs(): undefined {}
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

/** What this node has of a limit that all nodes share: of a system, or of one of its capabilities. */
export class SharedPair {
  readonly places: SharedPlaces;
  readonly rate: SharedRate;
  #limit: SystemLimit | undefined;

  /** `asked` is called when a step would need more than this node was given. */
  constructor(readonly key: string, asked: () => void) {
    this.places = new SharedPlaces(asked);
    this.rate = new SharedRate(asked);
  }

  get limit(): SystemLimit | undefined {
    return this.#limit;
  }

  /** Takes another limit. Until it was divided among the nodes, this one has nothing of it. */
  renew(limit: SystemLimit | undefined): void {
    this.#limit = limit;
    this.places.max = limit?.concurrencyMax === undefined ? Infinity : 0;
    this.rate.left = limit?.ratePerS === undefined ? Infinity : 0;
  }

  /** Whether steps use it, or wait for it. */
  get isUsed(): boolean {
    const { places, rate } = this;
    return places.taken + places.line.length + rate.line.length + rate.spent > 0;
  }

  /** Whether this node has something of it that others might use. */
  get isHeld(): boolean {
    const { max } = this.places;
    const { left } = this.rate;
    return (max > 0 && max < Infinity) || (left > 0 && left < Infinity);
  }

  /**
   * Says what this node needs, and gives back the starts that it has not used. `grant` takes what it
   * was given; undefined: nothing changed, so it keeps the starts. Until then it starts nothing.
   */
  report(
    atMs: (monotonicMs: number) => number,
  ): { readonly report: Report; readonly grant: (granted: Granted | undefined) => void } {
    const { places, rate } = this;
    const first = places.line.first ?? rate.line.first;
    const { left, spent } = rate;
    const startsUnused = left < Infinity ? left : 0;
    rate.left -= startsUnused;
    return {
      report: {
        placesTaken: places.taken,
        placesWanted: places.taken + places.line.length,
        startsWanted: rate.line.length + spent,
        startsUnused,
        waitsSinceMs: first === undefined ? null : atMs(first.waitsSinceMs),
      },
      grant: (granted) => {
        if (granted !== undefined) places.max = granted.places;
        if (granted !== undefined) rate.spent -= spent;
        rate.left = granted?.starts === Infinity
          ? Infinity
          : rate.left + (granted?.starts ?? startsUnused);
      },
    };
  }
}

/** What the limits of a system work with. */
export interface SystemLimitsDeps extends WorkerGateDeps {
  /** What operators have set, by the key of a shared pair. */
  limitOf(key: string): SystemLimit | undefined;
  /** Called when something is to be settled with the other nodes. */
  unsettled(): void;
}

/** The limits of one system. */
export class SystemLimits {
  readonly circuit = new CircuitBreaker();
  readonly retries: RetryLimit;
  readonly workers: WorkerGate;
  /** By capability, or WHOLE_SYSTEM. */
  readonly shared = new Map<string, SharedPair>();
  /** When the circuit last opened, or began to close again, here or elsewhere. */
  circuitChange: CircuitChange | undefined;

  constructor(readonly name: string, readonly deps: SystemLimitsDeps) {
    this.retries = new RetryLimit(deps.runtime.monotonic());
    this.workers = new WorkerGate(deps);
  }

  /** Returns the circuit's position at a time. */
  circuitAt(nowMs: number) {
    return circuitOf(this.circuit.state, nowMs);
  }

  /** How many attempts of this node run at the system, and how many steps wait for it. */
  figures(): { readonly running: number; readonly waiting: number } {
    const pairs = [...this.shared.values()];
    const limits: readonly Limit[] = [
      this.workers,
      this.retries,
      this.circuit,
      ...pairs.flatMap(({ places, rate }) => [places, rate]),
    ];
    return {
      running: this.sharedOf().places.taken,
      waiting: limits.reduce((sum, { line }) => sum + line.length, 0),
    };
  }

  /** What attempts share with those of other nodes, for the whole system or for a capability of it. */
  sharedOf(capability = WHOLE_SYSTEM): SharedPair {
    const known = this.shared.get(capability);
    if (known !== undefined) return known;
    const { limitOf, unsettled } = this.deps;
    const key = systemLimitKey(this.name, capability);
    const pair = new SharedPair(key, unsettled);
    pair.renew(limitOf(key));
    this.shared.set(capability, pair);
    return pair;
  }

  /** Notes whether an attempt was answered. */
  observe(ok: boolean, nowMs: number): void {
    const { state } = this.circuit;
    const before = state.openedAtMs;
    observe(state, { ok, nowMs });
    if (ok) creditAnswer(this.retries.budget);
    if (state.openedAtMs === before) return;
    this.circuitChange = { isOpen: state.openedAtMs !== undefined, atMs: this.deps.runtime.now() };
    this.deps.unsettled();
  }

  /** Follows what another node found later than this one. */
  follow(change: CircuitChange): void {
    const { runtime } = this.deps;
    const nowMs = runtime.monotonic();
    const { state } = this.circuit;
    this.circuitChange = change;
    if (change.isOpen) openCircuit(state, nowMs - Math.max(0, runtime.now() - change.atMs));
    else if (state.openedAtMs !== undefined) rampCircuit(state, nowMs);
  }
}
