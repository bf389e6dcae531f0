/** Idempotency cache: first answers of writes that no task's journal remembers. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { Reply } from "./handler.ts";

/** How long a first answer is kept. */
export const REPEATS_MS = 10 * 60_000;
/** First answers kept; the oldest goes first. */
export const REPEATS_MAX = 1_000;

/** A write, and what it answers. */
interface First {
  readonly bodyHash: string;
  readonly reply: Promise<Reply>;
  readonly untilMs: number;
}

/**
 * Remembers first answers by caller, route and Idempotency-Key.
 *
 * It is the memory of this node alone and covers the resend after a lost answer; after a restart,
 * or through another node, such a write is done anew. Writes to tasks do not need it: their
 * journals remember their command ids.
 */
export class IdempotencyCache {
  readonly #firsts = new Map<string, First>();

  constructor(private readonly runtime: Pick<Runtime, "monotonic">) {}

  /**
   * Runs a write once a key; a repeat, even while the first still runs, gets the first answer.
   * A write that fails is not remembered.
   *
   * @throws {TaskerError} api.key_reused when the same key comes with another body
   */
  async once(key: string, bodyHash: string, write: () => Promise<Reply>): Promise<Reply> {
    const nowMs = this.runtime.monotonic();
    const first = this.#firsts.get(key);
    if (first !== undefined && first.untilMs > nowMs) {
      if (first.bodyHash === bodyHash) return await first.reply;
      throw new TaskerError("api.key_reused", "Cannot repeat the request: its body is another one");
    }
    const reply = write();
    this.#firsts.delete(key);
    this.#firsts.set(key, { bodyHash, reply, untilMs: nowMs + REPEATS_MS });
    this.#forgetOldest();
    try {
      return await reply;
    } catch (error) {
      this.#firsts.delete(key);
      throw error;
    }
  }

  #forgetOldest(): void {
    if (this.#firsts.size <= REPEATS_MAX) return;
    const oldest = this.#firsts.keys().next().value;
    if (oldest !== undefined) this.#firsts.delete(oldest);
  }
}
