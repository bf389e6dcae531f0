/** A fair queue: work of which little is done at once, in turns between those who ask for it. */

import { TaskerError } from "./errors.ts";

/** What may wait. */
interface FairQueueBounds {
  /** Names the work in errors, as in "check a document". */
  readonly name: string;
  /** Pieces of work that are done at once. */
  readonly placesMax: number;
  /** Requests of one owner that wait. */
  readonly countPerOwnerMax: number;
  /** Bytes of the requests of one owner that wait; one request is always taken. */
  readonly bytesPerOwnerMax: number;
  /** Bytes of all that wait. */
  readonly bytesMax: number;
}

/** Whose work it is, and what it keeps in memory while it waits. */
interface FairRequest {
  readonly owner: string;
  readonly bytes: number;
  /** Takes it out while it waits. */
  readonly signal?: AbortSignal | undefined;
}

/** How long who is refused should wait. */
const BUSY_RETRY_MS = 5_000;

interface Waiting {
  readonly bytes: number;
  start(): void;
}

/** What waits of one owner, in order, and the bytes of it. */
interface Line {
  readonly waiting: Set<Waiting>;
  bytes: number;
}

/**
 * Does a few pieces of work at once. The owner whose turn is longest ago is next, so one who asks for
 * much makes only itself wait.
 *
 * Cost: O(1) a request, however many wait.
 */
export class FairQueue {
  /** Owners of what waits, the next one first. */
  readonly #lines = new Map<string, Line>();
  #bytes = 0;
  /** Places that are taken; while one is free, nobody waits. */
  #taken = 0;

  constructor(readonly bounds: FairQueueBounds) {}

  /** @throws {TaskerError} api.busy when too much waits, or `signal` aborts before the work begins */
  async run<T>(request: FairRequest, work: () => Promise<T>): Promise<T> {
    const leave = await this.take(request);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /**
   * Waits for a place. What it returns gives the place to the next, and is safe to repeat.
   *
   * @throws {TaskerError} api.busy when too much waits, or `signal` aborts before
   */
  async take(request: FairRequest): Promise<() => void> {
    if (this.#taken < this.bounds.placesMax) this.#taken++;
    else await this.#wait(request);
    let hasLeft = false;
    return () => {
      if (!hasLeft) this.#next();
      hasLeft = true;
    };
  }

  #wait({ owner, bytes, signal }: FairRequest): Promise<void> {
    const { name } = this.bounds;
    const line = this.#lines.get(owner) ?? { waiting: new Set(), bytes: 0 };
    this.#demandRoom(line, bytes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      this.#remove(owner, waiting);
      reject(new TaskerError("api.busy", `Cannot ${name}: who asked for it has gone`));
    };
    const start = () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    };
    const waiting: Waiting = { bytes, start };
    if (signal?.aborted === true) leave();
    else {
      signal?.addEventListener("abort", leave, { once: true });
      this.#lines.set(owner, line);
      line.waiting.add(waiting);
      line.bytes += bytes;
      this.#bytes += bytes;
    }
    return promise;
  }

  #demandRoom(line: Line, bytes: number): void {
    const { name, countPerOwnerMax, bytesPerOwnerMax, bytesMax } = this.bounds;
    const { size } = line.waiting;
    const isOwnFull = size > 0 &&
      (size >= countPerOwnerMax || line.bytes + bytes > bytesPerOwnerMax);
    if (!isOwnFull && this.#bytes + bytes <= bytesMax) return;
    const why = isOwnFull
      ? `${size} others wait in the same line: send fewer at once`
      : "too much waits for that";
    throw new TaskerError("api.busy", `Cannot ${name}: ${why}`, { retryAfterMs: BUSY_RETRY_MS });
  }

  /** Gives a place to the next owner, whose next turn comes after those of all others. */
  #next(): void {
    const [next] = this.#lines;
    if (next === undefined) return void this.#taken--;
    const [owner, line] = next;
    const [first] = line.waiting;
    this.#lines.delete(owner);
    this.#lines.set(owner, line);
    if (first === undefined) return;
    this.#remove(owner, first);
    first.start();
  }

  #remove(owner: string, waiting: Waiting): void {
    const line = this.#lines.get(owner);
    if (line?.waiting.delete(waiting) !== true) return;
    line.bytes -= waiting.bytes;
    this.#bytes -= waiting.bytes;
    if (line.waiting.size === 0) this.#lines.delete(owner);
  }
}
