/** The way over HTTP, without a broker: a command that is not answered in time comes again. */

import { log, reply, SYSTEM } from "./envelope.mjs";

/** The longest poll, and so the longest wait for the end after SIGTERM. */
const WAIT_MS = 2_000;

export class HttpChannel {
  constructor(url, { key, leaseMs }) {
    this.base = `${url.replace(/\/$/, "")}/v1/bus/${SYSTEM}`;
    this.headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    this.leaseMs = leaseMs;
  }

  /** There is nothing to open. */
  async open() {}

  /** Waits for commands. */
  async take(free) {
    const wanted = { max: free, waitMs: WAIT_MS, leaseMs: this.leaseMs };
    const response = await this.#post("poll", wanted);
    if (!response.ok) throw new Error(await response.text());
    const { envelopes } = await response.json();
    // The engine hands over nothing that has expired.
    return envelopes.map((command) => ({ id: command.id, command, deliveries: 1, ageMs: 0 }));
  }

  /** Shows signs of life: each begins a lease anew. */
  async keep(entries) {
    for (const entry of entries) await this.settle(entry, reply(entry.command, "progress", {}));
  }

  /** Replies; that acknowledges, too. */
  async settle(entry, answer) {
    if (answer === undefined) return;
    const response = await this.#post("replies", answer);
    const text = await response.text();
    if (response.status >= 500 || response.status === 429) throw new Error(text);
    if (!response.ok) log(`the reply to ${entry.id} is refused for good: ${text}`);
  }

  /** There is nothing to close. */
  async close() {}

  #post(path, body) {
    return fetch(`${this.base}/${path}`, {
      method: "POST",
      headers: this.headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS + 15_000),
    });
  }
}
