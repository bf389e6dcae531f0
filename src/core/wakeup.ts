/** A wake-up: lets one waiter sleep until something has happened. */

import type { Runtime } from "./ports.ts";

/** Wakes its one waiter; one that comes later finds what it has missed. */
export class Wakeup {
  #isSet = false;
  #wake: (() => void) | undefined;

  constructor(private readonly runtime: Pick<Runtime, "after">) {}

  /** Wakes the waiter, or else lets the next one pass at once. */
  set(): void {
    this.#isSet = true;
    this.#wake?.();
  }

  /** Resolves after `set`, when `signal` aborts, or after `msMax`; without it, no timer is used. */
  async next(signal: AbortSignal, msMax?: number): Promise<void> {
    if (!this.#isSet && !signal.aborted) await this.#sleep(signal, msMax);
    this.#isSet = false;
  }

  #sleep(signal: AbortSignal, msMax: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel?.();
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      const cancel = msMax === undefined ? undefined : this.runtime.after(msMax, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}
