/** Holds: until a given time nothing is sent to a system, because a person or healing said so. */

import { type CircuitState, rampCircuit } from "../src/core/breaker.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";
import type { SystemLimit } from "../src/core/shared_limit.ts";
import type { Claim, Limit } from "./limits.ts";
import { Line } from "./line.ts";

/**
 * Keeps all steps of a system waiting until `holdUntilMs` or `circuit.openUntilMs` of its limits.
 *
 * However a hold ends, by its time or because it was lifted, the circuit lets through what waited by
 * its ramp, as after failures: a system that comes back is not sent all of it at once.
 *
 * Cost: O(1) an attempt; one timer while steps wait.
 */
export class Hold implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #heldUntilMs = -Infinity;
  #openUntilMs = -Infinity;
  /** Something was held when last looked at. */
  #isHeld = false;

  constructor(
    readonly runtime: Pick<Runtime, "now" | "monotonic">,
    readonly circuit: CircuitState,
  ) {}

  get reason() {
    return this.#heldUntilMs > this.runtime.now() ? "system_held" : "circuit_open";
  }

  /** Takes what the limits of the system say now. */
  renew(limit: SystemLimit | undefined): void {
    this.#heldUntilMs = limit?.holdUntilMs ?? -Infinity;
    this.#openUntilMs = limit?.circuit?.openUntilMs ?? -Infinity;
    if (this.#leftMs() > 0) this.#isHeld = true;
    else this.#end();
  }

  /** Whether nothing may be sent now. */
  get isClosed(): boolean {
    if (!this.#isHeld) return false;
    if (this.#leftMs() <= 0) this.#end();
    return this.#isHeld;
  }

  take(): boolean {
    return !this.isClosed;
  }

  giveBack(): void {}

  opensInMs(): number {
    return Math.max(0, this.#leftMs());
  }

  #leftMs(): number {
    return Math.max(this.#heldUntilMs, this.#openUntilMs) - this.runtime.now();
  }

  #end(): void {
    if (this.#isHeld) rampCircuit(this.circuit, this.runtime.monotonic());
    this.#isHeld = false;
  }
}
