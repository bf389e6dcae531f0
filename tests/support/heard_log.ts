/** A log for tests: keeps its lines, and resolves when one came. */

import type { Log } from "../../src/telemetry/log.ts";
import { arrival } from "./inbox.ts";

/** Keeps the texts of all lines. */
export class HeardLog implements Log {
  readonly lines: string[] = [];
  #waiters: { part: string; resolve: () => void }[] = [];

  debug(text: string): void {
    this.#hear(text);
  }

  info(text: string): void {
    this.#hear(text);
  }

  warn(text: string): void {
    this.#hear(text);
  }

  error(text: string): void {
    this.#hear(text);
  }

  with(): Log {
    return this;
  }

  /** Resolves when a line that holds `part` has been written. */
  async has(part: string): Promise<void> {
    if (this.lines.some((line) => line.includes(part))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ part, resolve });
    await arrival(`the line "${part}"`, promise);
  }

  #hear(text: string): void {
    this.lines.push(text);
    for (const { part, resolve } of this.#waiters) if (text.includes(part)) resolve();
  }
}
