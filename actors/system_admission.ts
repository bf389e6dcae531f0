/** Limits of systems: circuits, retry budgets, first workers, and what nodes share of them. */

import type { AttemptEnd } from "../src/core/attempt.ts";
import { beginAnew, maxAt, noteLate } from "../src/core/adaptive_limit.ts";
import { circuitOf, creditAnswer, openCircuit, rampCircuit } from "../src/core/breaker.ts";
import { systemLimitKey, WHOLE_SYSTEM } from "../src/core/policy.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";
import {
  type CircuitChange,
  dividedPart,
  type Granted,
  type Report,
  type SystemLimit,
} from "../src/core/shared_limit.ts";
import { type Saturation, saturationOf } from "../src/core/saturation.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import { Hold } from "./hold.ts";
import { type Claim, type Limit, RetryLimit } from "./limits.ts";
import { Line } from "./line.ts";

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

/**
 * What this node has of a limit that all nodes share: of a system, or of one of its capabilities.
 *
 * A place and a start are granted together or not at all: so no step keeps one while it waits for the
 * other.
 */
export class Quota implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #limit: SystemLimit | undefined;
  /** Places that are taken, and may be here; Infinity: no limit. */
  #taken = 0;
  #placesMax = Infinity;
  /** Starts that are left; Infinity: no limit. */
  #startsLeft = Infinity;
  /** Starts since the last report. */
  #started = 0;

  /** `asked` is called when a step would need more than this node was given. */
  constructor(readonly key: string, readonly asked: () => void) {}

  get limit(): SystemLimit | undefined {
    return this.#limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get reason() {
    return this.#taken >= this.#placesMax ? "system_concurrency" : "system_rate";
  }

  /** Takes what is set now; whether that is another limit than before. */
  follow(limit: SystemLimit | undefined): boolean {
    const isOther = JSON.stringify(limit) !== JSON.stringify(this.#limit);
    if (isOther) this.renew(limit);
    return isOther;
  }

  /** Takes another limit. Until it was divided among the nodes, this one has nothing of it. */
  renew(limit: SystemLimit | undefined): void {
    this.#limit = limit;
    this.#placesMax = limit?.concurrencyMax === undefined ? Infinity : 0;
    this.#startsLeft = limit?.ratePerS === undefined ? Infinity : 0;
  }

  take(): boolean {
    if (this.#taken >= this.#placesMax || this.#startsLeft < 1) {
      // For the first that waits; those after it are seen by the reconciliation of each second.
      if (this.line.first === undefined) this.asked();
      return false;
    }
    this.#startsLeft--;
    this.#started++;
    this.#taken++;
    return true;
  }

  /** Takes a place, even if none is free: the attempt is running already. */
  hold(): void {
    this.#taken++;
  }

  /** A start is a start, however it ends. */
  giveBack(): void {
    this.#taken--;
    // A place that goes to another node.
    if (this.#taken >= this.#placesMax) this.asked();
  }

  opensInMs(): undefined {}

  /** Whether steps use it, or wait for it. */
  get isUsed(): boolean {
    return this.#taken + this.line.length + this.#started > 0;
  }

  /** Whether this node has something of it that others might use. */
  get isHeld(): boolean {
    const isPart = (of: number) => of > 0 && of < Infinity;
    return isPart(this.#placesMax) || isPart(this.#startsLeft);
  }

  /**
   * Says what this node needs, and gives back the starts that it has not used; until `conclude` it starts
   * nothing by them. `conclude` takes what became of it: written; refused, so that all is as before; or
   * unknown, so that only what is this node's in both cases may be used.
   */
  report(atMs: (monotonicMs: number) => number): {
    readonly report: Report;
    readonly conclude: (outcome: "written" | "refused" | "unknown", granted: Granted) => void;
  } {
    const { line: { first, length } } = this;
    const limit = this.#limit;
    const started = this.#started;
    const startsUnused = this.#startsLeft < Infinity ? this.#startsLeft : 0;
    this.#startsLeft -= startsUnused;
    return {
      report: {
        placesTaken: this.#taken,
        placesWanted: this.#taken + length,
        // Who waits for a place could not use a start.
        startsWanted: Math.min(length, Math.max(1, this.#placesMax)) + started,
        startsUnused,
        waitsSinceMs: first === undefined ? null : atMs(first.waitsSinceMs),
      },
      conclude: (outcome, { places, starts }) => {
        // What is divided of another limit is of no use.
        if (this.#limit !== limit) return;
        if (outcome === "refused") {
          this.#startsLeft += startsUnused;
          return;
        }
        this.#placesMax = outcome === "written" ? places : Math.min(places, this.#placesMax);
        if (outcome === "unknown") return;
        this.#started -= started;
        this.#startsLeft += starts;
      },
    };
  }
}

/** What the limits of a system work with. */
export interface SystemAdmissionDeps extends WorkerGateDeps {
  /** What operators have set, by the key of a quota. */
  limitOf(key: string): SystemLimit | undefined;
  /** Called when something is to be reconciled with the other nodes. */
  reconcileSoon(): void;
}

/** The limits of one system. */
export class SystemAdmission {
  readonly circuit = new CircuitBreaker();
  /** Before all other limits: who waits for it spends no retry and keeps no place. */
  readonly hold: Hold;
  readonly retries: RetryLimit;
  readonly workers: WorkerGate;
  /** By capability, or WHOLE_SYSTEM. */
  readonly quotas = new Map<string, Quota>();
  /** When the circuit last opened, or began to close again, here or elsewhere. */
  circuitChange: CircuitChange | undefined;

  constructor(readonly name: string, readonly deps: SystemAdmissionDeps) {
    this.hold = new Hold(deps.runtime, this.circuit.state);
    this.renew(deps.limitOf(name));
    this.retries = new RetryLimit(deps.runtime.monotonic());
    this.workers = new WorkerGate(deps);
  }

  /** Takes what is set for the whole system, but for what nodes divide. */
  renew(limit: SystemLimit | undefined): void {
    this.hold.renew(limit);
    this.circuit.state.policy = limit?.circuit ?? {};
  }

  /** Returns the circuit's position at a time; open as well while nothing may be sent. */
  circuitAt(nowMs: number) {
    return this.hold.isClosed ? "open" : circuitOf(this.circuit.state, nowMs);
  }

  /** Undefined: it is not open, or a hold keeps it open, which has a time of its own. */
  circuitTriesInMs(nowMs: number): number | undefined {
    const isOpen = !this.hold.isClosed && circuitOf(this.circuit.state, nowMs) === "open";
    return isOpen ? this.circuit.opensInMs(nowMs) : undefined;
  }

  /** How many attempts of this node run at the system, how many steps wait for it, and how it fares. */
  figures(): {
    readonly running: number;
    readonly waiting: number;
    readonly saturation: Saturation;
  } {
    const { workers, hold, retries, circuit } = this;
    const limits: readonly Limit[] = [workers, hold, retries, circuit, ...this.quotas.values()];
    const nowMs = this.deps.runtime.monotonic();
    const waitingSince = limits.map(({ line }) => line.first?.waitsSinceMs ?? nowMs);
    return {
      running: this.quotaOf().taken - circuit.line.length,
      waiting: limits.reduce((sum, { line }) => sum + line.length, 0),
      saturation: saturationOf({
        calls: circuit.state.calls.sums(nowMs),
        queueAgeMs: nowMs - Math.min(...waitingSince),
        adaptiveMax: maxAt(circuit.adaptive, nowMs),
        isLate: limits.some(({ line }) => line.isSaturated(nowMs)),
      }),
    };
  }

  /** What a step that asks for a capability has to pass for its first attempt. */
  linesOf(capability = WHOLE_SYSTEM): readonly Limit[] {
    const quotas = [this.quotas.get(WHOLE_SYSTEM), this.quotas.get(capability)];
    return [
      this.workers,
      this.hold,
      this.circuit,
      ...quotas.filter((quota) => quota !== undefined),
    ];
  }

  /** What attempts share with those of other nodes, for the whole system or for a capability of it. */
  quotaOf(capability = WHOLE_SYSTEM): Quota {
    const known = this.quotas.get(capability);
    if (known !== undefined) return known;
    const { limitOf, reconcileSoon } = this.deps;
    const key = systemLimitKey(this.name, capability);
    const quota = new Quota(key, reconcileSoon);
    quota.renew(dividedPart(limitOf(key)));
    this.quotas.set(capability, quota);
    return quota;
  }

  /** Notes that an attempt has been started. */
  started({ isRetry }: Claim, nowMs: number): void {
    const { calls } = this.circuit.state;
    calls.add("started", nowMs);
    if (isRetry) calls.add("retried", nowMs);
  }

  /** Notes how an attempt ended. */
  ended(claim: Claim, end: AttemptEnd, nowMs: number): void {
    if (end === "late") {
      noteLate(this.circuit.adaptive);
      return this.circuit.state.calls.add("late", nowMs);
    }
    if (end === "answered") creditAnswer(this.retries.budget);
    if (!this.circuit.note(claim, end, nowMs)) return;
    const isOpen = this.circuit.state.openedAtMs !== undefined;
    this.circuitChange = { isOpen, atMs: this.deps.runtime.now() };
    this.deps.reconcileSoon();
  }

  /** Follows what another node found later than this one. */
  follow(change: CircuitChange): void {
    const { runtime } = this.deps;
    const nowMs = runtime.monotonic();
    const { state } = this.circuit;
    this.circuitChange = change;
    if (change.isOpen) {
      openCircuit(state, nowMs - Math.max(0, runtime.now() - change.atMs));
      beginAnew(this.circuit.adaptive, nowMs);
    } else if (state.openedAtMs !== undefined) rampCircuit(state, nowMs);
  }
}
