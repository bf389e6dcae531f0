/** Notes between nodes, in memory. */

import type { Cancel, Notes } from "../../src/core/ports.ts";

/** Notes that reach everybody who listens. */
export class FakeNotes implements Notes {
  readonly published: string[] = [];
  readonly #calls = new Set<(text: string) => void>();

  publish(text: string): Promise<void> {
    this.published.push(text);
    for (const call of this.#calls) call(text);
    return Promise.resolve();
  }

  listen(call: (text: string) => void): Promise<Cancel> {
    this.#calls.add(call);
    return Promise.resolve(() => this.#calls.delete(call));
  }
}
