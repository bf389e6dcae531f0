/**
 * Streams of server-sent events, and of lines: each is written at the speed of its reader, and the bytes
 * that wait for all readers together are bounded.
 */

import type { Runtime } from "../core/ports.ts";

/** A comment is sent this often, so that proxies and clients see that the stream is alive. */
export const BEAT_MS = 15_000;
/** The stream of a client that reads nothing for this long is ended. */
export const STALL_MS = 60_000;
/** What clients wait before they connect again. */
const RECONNECT_MS = 2_000;

const ENCODER = new TextEncoder();
const BEAT = ENCODER.encode(": beat\n\n");
/** A space before a line: readers of JSON skip it. */
const LINE_BEAT = ENCODER.encode(" ");

/** One event. */
export interface Frame {
  /** What the client sends as Last-Event-ID when it connects again. */
  readonly id?: string;
  /** Absent: "message". */
  readonly event?: string;
  readonly data: unknown;
}

/** Writes frames; resolves when the client has room for more. Throws when the client has gone. */
export type Send = (bytes: Uint8Array) => Promise<void>;

/** How to write a stream. */
export interface StreamOptions {
  readonly runtime: Pick<Runtime, "after">;
  readonly memory: StreamMemory;
  /** Aborts when the stream must end. */
  readonly signal: AbortSignal;
  /** Writes the events; the stream ends when it resolves. It must return soon after an abort. */
  readonly run: (send: Send, signal: AbortSignal) => Promise<void>;
  /** Called once, when the stream has ended. */
  readonly done: () => void;
}

/**
 * Opens a stream of events.
 *
 * Only the frames of one `send` are buffered: it waits for the reader, so a slow client slows its own
 * stream and no other. No heartbeats are sent while it waits.
 */
export function eventStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const line = new Line(options.runtime);
  options.signal.addEventListener("abort", () => line.goOn(), { once: true });
  void write(options, line);
  return line.readable;
}

/**
 * Opens a stream of lines; `run` sends whole ones. If `run` throws or the stream must end before it, the
 * body breaks off, so that its reader does not take a part for the whole.
 */
export function lineStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const line = new Line(options.runtime);
  options.signal.addEventListener("abort", () => line.goOn(), { once: true });
  void writeLines(options, line);
  return line.readable;
}

/** The body of an answer of which only the head is wanted. */
export function emptyStream(): ReadableStream<Uint8Array> {
  return ReadableStream.from<Uint8Array>([]);
}

/** Runs the writer of a stream, each piece counted while its client reads it. */
async function runOn({ run, signal, memory }: StreamOptions, line: Line): Promise<void> {
  const ends = AbortSignal.any([signal, line.gone]);
  const evict = () => line.fail("too much waits for slow clients");
  await run((bytes) => memory.whileSent(bytes, () => line.write(bytes), evict), ends);
}

async function writeLines(options: StreamOptions, line: Line): Promise<void> {
  try {
    line.beat(LINE_BEAT);
    await runOn(options, line);
    options.signal.throwIfAborted();
  } catch {
    line.fail("it is not whole");
  } finally {
    options.done();
    line.close();
  }
}

async function write(options: StreamOptions, line: Line): Promise<void> {
  const { done } = options;
  try {
    await line.write(ENCODER.encode(`retry: ${RECONNECT_MS}\n\n`));
    line.beat(BEAT);
    await runOn(options, line);
  } catch {
    // The client has gone, or the journal cannot be read: the client connects again with Last-Event-ID.
  } finally {
    done();
    line.close();
  }
}

/** The writing end of a stream. A write resolves when the client has room for the next one. */
class Line {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #gone = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #cancelBeat: () => void = () => {};
  #wake: (() => void) | undefined;

  constructor(private readonly runtime: Pick<Runtime, "after">) {
    this.readable = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.goOn(),
      cancel: () => this.#leave(),
    });
  }

  /** Aborts when the client has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.gone.throwIfAborted();
    this.#controller?.enqueue(bytes);
    if (!this.#hasRoom()) await this.#room();
    this.gone.throwIfAborted();
  }

  /** Ends the wait of a write for room: there is some, or nothing more will be written. */
  goOn(): void {
    this.#wake?.();
  }

  /** Sends heartbeats from now on, while the client has room for them. */
  beat(bytes: Uint8Array): void {
    this.#cancelBeat = this.runtime.after(BEAT_MS, () => {
      if (this.#hasRoom()) this.#controller?.enqueue(bytes);
      this.beat(bytes);
    });
  }

  close(): void {
    this.#cancelBeat();
    if (!this.gone.aborted) this.#controller?.close();
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  /** Resolves when the client has read what was written; after STALL_MS the stream is ended. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.runtime.after(
        STALL_MS,
        () => this.fail(`the client read nothing for ${STALL_MS} ms`),
      );
      this.#wake = () => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Ends the stream at once, with an error; what its client has not read is lost. */
  fail(why: string): void {
    if (this.gone.aborted) return;
    this.#controller?.error(new Error(`The stream has ended: ${why}`));
    this.#leave();
  }

  #leave(): void {
    this.#gone.abort();
    this.goOn();
  }
}

/** Encodes frames as one piece. */
export function frameBytes(frames: readonly Frame[]): Uint8Array {
  return ENCODER.encode(frames.map(textOf).join(""));
}

function textOf({ id, event, data }: Frame): string {
  return [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    `data: ${JSON.stringify(data)}`,
    "\n",
  ].join("\n");
}

/** Bytes that may wait for all clients; bytes that wait for several of them count once. */
export const STREAMS_BYTES_MAX = 64 * 1024 * 1024;

/** Counts the bytes that wait for readers, and ends the slowest streams when there are too many. */
export class StreamMemory {
  readonly #holders = new Map<Uint8Array, number>();
  /** How to end each stream that waits for its reader, the longest wait first. */
  readonly #sending = new Set<() => void>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size > STREAMS_BYTES_MAX;
  }

  hold(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes) ?? 0;
    if (holders === 0) this.#size += bytes.length;
    this.#holders.set(bytes, holders + 1);
  }

  release(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes) ?? 0;
    if (holders > 1) return void this.#holders.set(bytes, holders - 1);
    if (this.#holders.delete(bytes)) this.#size -= bytes.length;
  }

  /** Counts bytes while a client reads them. If there are too many, the slowest stream is ended. */
  async whileSent(bytes: Uint8Array, taken: () => Promise<void>, end: () => void): Promise<void> {
    this.hold(bytes);
    this.#sending.add(end);
    try {
      const [slowest] = this.#sending;
      if (this.isFull && slowest !== undefined && slowest !== end) {
        this.#sending.delete(slowest);
        slowest();
      }
      await taken();
    } finally {
      this.#sending.delete(end);
      this.release(bytes);
    }
  }
}
