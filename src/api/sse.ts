/** Server-sent events: a response that is written at the speed of its reader. */

import type { Runtime } from "../core/ports.ts";

/** A comment is sent this often, so that proxies and clients see that the stream lives. */
export const BEAT_MS = 15_000;
/** A client that takes nothing for this long is sent home. */
export const STALL_MS = 60_000;
/** What clients wait before they connect again. */
const RECONNECT_MS = 2_000;

/** One event. */
export interface Frame {
  /** What the client sends as Last-Event-ID when it connects again. */
  readonly id?: string;
  /** Absent: "message". */
  readonly event?: string;
  readonly data: unknown;
}

/** Writes frames; resolves when the client has room for more. Throws when it has gone. */
export type Send = (frames: readonly Frame[]) => Promise<void>;

/** What a stream is made of. */
export interface StreamOptions {
  readonly runtime: Pick<Runtime, "after">;
  /** Aborts when the stream has to end. */
  readonly signal: AbortSignal;
  /** Writes the events; the stream ends when it resolves. It must return soon after an abort. */
  readonly run: (send: Send, signal: AbortSignal) => Promise<void>;
  /** Called once, when all is over. */
  readonly done: () => void;
}

/**
 * Answers with a stream of events.
 *
 * Nothing is buffered beyond the frames in hand: `send` waits for the reader, so a slow client
 * slows its own stream and no other. Heartbeats are left out while it waits.
 */
export function eventStream(options: StreamOptions): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const gone = new AbortController();
  const signal = AbortSignal.any([options.signal, gone.signal]);
  const line = new Line(writable.getWriter(), options.runtime, () => gone.abort());
  void write(options, line, signal);
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
}

async function write({ run, done }: StreamOptions, line: Line, signal: AbortSignal) {
  try {
    await line.write(`retry: ${RECONNECT_MS}\n\n`);
    line.beat();
    await run((frames) => line.write(frames.map(textOf).join("")), signal);
  } catch {
    // The client has gone, or the journal cannot be read: it connects again with Last-Event-ID.
  } finally {
    done();
    await line.close();
  }
}

/** The writing end: one write at a time, watched for stalls. */
class Line {
  readonly #encoder = new TextEncoder();
  #cancelBeat: () => void = () => {};
  #isWriting = false;

  constructor(
    private readonly writer: WritableStreamDefaultWriter<Uint8Array>,
    private readonly runtime: Pick<Runtime, "after">,
    private readonly gone: () => void,
  ) {
    writer.closed.catch(gone);
  }

  async write(text: string): Promise<void> {
    const cancel = this.runtime.after(STALL_MS, () => this.#abort());
    this.#isWriting = true;
    try {
      await this.writer.write(this.#encoder.encode(text));
    } finally {
      cancel();
      this.#isWriting = false;
    }
  }

  /** Sends heartbeats from now on. */
  beat(): void {
    this.#cancelBeat = this.runtime.after(BEAT_MS, () => {
      if (!this.#isWriting) void this.write(": beat\n\n").catch(this.gone);
      this.beat();
    });
  }

  async close(): Promise<void> {
    this.#cancelBeat();
    await this.writer.close().catch(() => {});
  }

  #abort(): void {
    this.gone();
    void this.writer.abort().catch(() => {});
  }
}

function textOf({ id, event, data }: Frame): string {
  return [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    `data: ${JSON.stringify(data)}`,
    "\n",
  ].join("\n");
}
