/** Shared reads: one answer for all who show the same. */

import type { KeyRow, Runtime } from "../core/ports.ts";
import type { Caller } from "./access.ts";
import type { ApiAnswer } from "./handler.ts";

/** How old an answer may be that is shared, in milliseconds. */
export const SHARED_MS = 1_000;
/** Characters of the JSON of all answers that are kept, and of what was asked for. */
export const SHARED_SIZE_MAX = 16 * 1024 * 1024;

/** An answer, and when it was asked for. */
interface Read {
  readonly sinceMs: number;
  readonly answer: Promise<ApiAnswer>;
  /** Characters of what was asked for, and of its JSON once it is there. */
  size: number;
}

/**
 * Gives callers with the same rights the answer to a read that one of them was given less than a second
 * ago, where they accept that (`Cache-Control: max-age=1`, RFC 9111, 5.2.1.1). A read that is sent because
 * of changes sees them: what was read before they were announced is not given any more. Nor is a caller
 * given what was read before its own last write through this node.
 *
 * Cost: O(1) a read, and one encoding for all.
 */
export class SharedReads {
  /** The oldest first. */
  readonly #reads = new Map<string, Read>();
  /** By key; the oldest first. */
  readonly #wroteAtMs = new Map<string, number>();
  #size = 0;

  constructor(private readonly runtime: Pick<Runtime, "monotonic">) {}

  /** Characters of all answers that are kept, and of what was asked for. */
  get size(): number {
    return this.#size;
  }

  /** Answers a read; `target` names its operation and input. A read that fails is not kept. */
  async once(
    target: string,
    { key, keyId }: Pick<Caller, "key" | "keyId">,
    read: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const nowMs = this.runtime.monotonic();
    const oldestMs = Math.max(nowMs - SHARED_MS, this.#wroteAtMs.get(keyId) ?? -Infinity);
    const name = `${rightsOf(key)} ${target}`;
    const known = this.#reads.get(name);
    if (known !== undefined && known.sinceMs > oldestMs) return await known.answer;
    this.#drop(name);
    const made: Read = { sinceMs: nowMs, answer: encoded(read()), size: 0 };
    this.#reads.set(name, made);
    this.#grow(made, name.length);
    try {
      const answer = await made.answer;
      if (this.#reads.get(name) === made) this.#grow(made, String(answer.body).length);
      return answer;
    } catch (error) {
      if (this.#reads.get(name) === made) this.#drop(name);
      throw error;
    } finally {
      this.#dropOld(nowMs - SHARED_MS);
    }
  }

  /** Notes that a caller writes: what was read before does not show it. */
  wrote(keyId: string): void {
    const nowMs = this.runtime.monotonic();
    this.#wroteAtMs.delete(keyId);
    this.#wroteAtMs.set(keyId, nowMs);
    for (const [one, atMs] of this.#wroteAtMs) {
      if (atMs > nowMs - SHARED_MS) return;
      this.#wroteAtMs.delete(one);
    }
  }

  /** Forgets all: changes are announced that it does not show. */
  forget(): void {
    this.#reads.clear();
    this.#size = 0;
  }

  #grow(read: Read, more: number): void {
    read.size += more;
    this.#size += more;
  }

  #dropOld(oldestMs: number): void {
    for (const [name, { sinceMs }] of this.#reads) {
      if (sinceMs > oldestMs && this.#size <= SHARED_SIZE_MAX) return;
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#size -= this.#reads.get(name)?.size ?? 0;
    this.#reads.delete(name);
  }
}

/** All of a key that an answer may depend on. */
function rightsOf({ scopes, namespaces, systems }: KeyRow): string {
  return JSON.stringify([scopes, namespaces, systems]);
}

async function encoded(answer: Promise<ApiAnswer>): Promise<ApiAnswer> {
  const { status, body } = await answer;
  return { status, body: JSON.stringify(body), mediaType: "application/json" };
}
