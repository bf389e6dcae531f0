/** Idempotency cache: first answers of writes that no task's journal remembers. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { ApiAnswer } from "./handler.ts";

/** How long a first answer is kept. */
export const ANSWER_KEPT_MS = 10 * 60_000;
/** First answers that are kept; the oldest is dropped first. */
const ANSWERS_MAX = 1_000;
/** Characters of the JSON of all of them. */
export const ANSWERS_SIZE_MAX = 16 * 1024 * 1024;

/** A write and its answer. */
interface First {
  readonly bodyHash: string;
  readonly answer: Promise<ApiAnswer>;
  readonly untilMs: number;
  /** Characters of its JSON; 0 until it is there. */
  size: number;
}

/**
 * Remembers first answers by caller, route and Idempotency-Key.
 *
 * It is in the memory of this node alone, for a request that is sent again because its answer was
 * lost. After a restart, or through another node, such a write is done again. Writes to tasks do not
 * need it: their journals remember their command ids.
 */
export class IdempotencyCache {
  /** The oldest first. */
  readonly #firsts = new Map<string, First>();
  #size = 0;

  constructor(private readonly runtime: Pick<Runtime, "monotonic">) {}

  /** Characters of the JSON of all answers that are kept. */
  get size(): number {
    return this.#size;
  }

  /**
   * Runs a write once for each key; a repeat, even while the first still runs, gets the first answer.
   * A write that fails is not remembered.
   *
   * @throws {TaskerError} api.key_reused when the same key comes with another body
   */
  async once(key: string, bodyHash: string, write: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const nowMs = this.runtime.monotonic();
    const known = this.#firsts.get(key);
    if (known !== undefined && known.untilMs > nowMs) {
      if (known.bodyHash === bodyHash) return await known.answer;
      throw new TaskerError("api.key_reused", "Cannot repeat the request: its body is different");
    }
    this.#drop(key);
    const first = { bodyHash, answer: write(), untilMs: nowMs + ANSWER_KEPT_MS, size: 0 };
    this.#firsts.set(key, first);
    this.#dropOldest();
    try {
      const answer = await first.answer;
      if (this.#firsts.get(key) === first) {
        first.size = JSON.stringify(answer.body ?? null).length;
        this.#size += first.size;
        this.#dropOldest();
      }
      return answer;
    } catch (error) {
      if (this.#firsts.get(key) === first) this.#drop(key);
      throw error;
    }
  }

  #dropOldest(): void {
    for (const key of this.#firsts.keys()) {
      if (this.#firsts.size <= ANSWERS_MAX && this.#size <= ANSWERS_SIZE_MAX) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    this.#size -= this.#firsts.get(key)?.size ?? 0;
    this.#firsts.delete(key);
  }
}
