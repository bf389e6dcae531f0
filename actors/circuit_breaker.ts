/** Circuit breaker: how many attempts a system is sent at once, by how it has answered lately. */

import {
  type AdaptiveLimit,
  beginAnew,
  type EndedCall,
  hasRoom,
  isKnown,
  newAdaptiveLimit,
  noteAnswer,
  noteTimeout,
  RELAX_MS,
  stillNeeded,
} from "../src/core/adaptive_limit.ts";
import type { AttemptEnd } from "../src/core/attempt.ts";
import {
  type CircuitState,
  endTry,
  newCircuit,
  observe,
  OPEN_MS,
  passCircuit,
} from "../src/core/breaker.ts";
import { usualMs } from "../src/core/durations.ts";
import type { Cancel } from "../src/core/ports.ts";
import { type Claim, type Limit } from "./limits.ts";
import { Line } from "./line.ts";

/**
 * Sends nothing to a failing system for a time, then a growing number of attempts as tries; and to one
 * that answers too slowly no more than it can answer in time.
 *
 * Cost: O(1) an attempt. While the system is healthy, a few numbers are added up.
 */
export class CircuitBreaker implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  readonly state: CircuitState = newCircuit();
  readonly adaptive: AdaptiveLimit = newAdaptiveLimit();
  #isFull = false;

  get reason() {
    return this.#isFull ? "system_saturated" : "circuit_open";
  }

  take(claim: Claim, nowMs: number): boolean {
    this.#isFull = !hasRoom(this.adaptive, nowMs);
    if (this.#isFull) return false;
    const passed = passCircuit(this.state, nowMs);
    if (passed === "refused") {
      stillNeeded(this.adaptive, nowMs);
      return false;
    }
    claim.isTry = passed === "try";
    this.hold(claim);
    return true;
  }

  /** Counts an attempt, even if there is no room: it is running already. */
  hold(claim: Claim): void {
    claim.period = this.adaptive.period;
    this.adaptive.running++;
  }

  /** A try is over also if it ends without an answer, for example because it was cancelled. */
  giveBack(claim: Claim): void {
    if (claim.isTry) endTry(this.state);
    if (claim.period === this.adaptive.period) this.adaptive.running--;
  }

  /** Notes how an attempt ended; returns whether the circuit has opened, or begins to close. */
  note(claim: Claim, end: Exclude<AttemptEnd, "late">, nowMs: number): boolean {
    const { startedAtMs, timeoutMs } = claim;
    const before = this.state.openedAtMs;
    const ranMs = startedAtMs === undefined ? undefined : nowMs - startedAtMs;
    const isTimeout = end === "timed_out";
    const isOldNews = isTimeout && isKnown(this.adaptive, startedAtMs ?? Infinity);
    if (startedAtMs !== undefined) {
      const usual = usualMs(claim.places.durations);
      this.#adapt(end, { startedAtMs, nowMs, timeoutMs, usualMs: usual });
    }
    if (isOldNews) return false;
    observe(this.state, { ok: end === "answered", nowMs, ranMs, isTimeout });
    const { openedAtMs } = this.state;
    if (openedAtMs !== before && openedAtMs !== undefined) beginAnew(this.adaptive, nowMs);
    return openedAtMs !== before;
  }

  opensInMs(nowMs: number): number | undefined {
    if (this.#isFull) return RELAX_MS;
    const { openedAtMs, ramp, tries } = this.state;
    const since = openedAtMs ?? ramp?.sinceMs;
    if (since === undefined) return 0;
    if (openedAtMs !== undefined && tries > 0) return undefined;
    return Math.max(0, since + OPEN_MS - nowMs);
  }

  #adapt(end: AttemptEnd, call: EndedCall): void {
    if (end === "answered") noteAnswer(this.adaptive, call);
    else if (end === "timed_out") noteTimeout(this.adaptive, call);
  }
}
