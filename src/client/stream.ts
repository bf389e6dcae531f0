/** Streams: server-sent events that outlive their connections. */

import { type Frame, FrameParser } from "./frames.ts";
import type { Http } from "./http.ts";

/** The server beats every 15 s; a stream that says nothing for this long is dead. */
export const SILENCE_MS_MAX = 45_000;

/** Rest before connecting again, where the server does not say. */
const RECONNECT_MS = 2_000;

/** What to follow. */
export interface StreamOptions {
  /** The last id that was seen; the stream goes on after it. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A frame, or that the connection was lost and a new one begins. */
export type StreamPart =
  | { readonly kind: "frame"; readonly event: string; readonly data: string }
  | { readonly kind: "reconnected" };

/**
 * Follows a stream over as many connections as it takes, each going on after the last id seen.
 * Ends when the server says that there is no more (204).
 *
 * @throws {ClientError} when no connection can be had for as long as the client is patient
 */
export async function* followStream(
  http: Http,
  path: string,
  { after, signal }: StreamOptions,
): AsyncGenerator<StreamPart> {
  let seen = after;
  for (let connections = 1;; connections++) {
    const opened = await http.open({
      path,
      headers: {
        accept: "text/event-stream",
        ...(seen === undefined ? {} : { "last-event-id": seen }),
      },
      signal,
    });
    if (opened === undefined) return;
    if (connections > 1) yield { kind: "reconnected" };
    const parser = new FrameParser();
    try {
      for await (const frame of framesOf(http, opened, parser)) {
        yield { kind: "frame", event: frame.event, data: frame.data };
        // After the yield: a frame counts as seen when its reader asks for the next one.
        seen = frame.id ?? seen;
      }
    } finally {
      opened.abort.abort();
    }
    await http.rest(parser.retryMs ?? RECONNECT_MS, signal);
  }
}

/** Reads one connection to its end, however it ends. */
async function* framesOf(
  http: Http,
  { body, abort }: { body: ReadableStream<Uint8Array>; abort: AbortController },
  parser: FrameParser,
): AsyncGenerator<Frame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  abort.signal.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  while (true) {
    const cancel = http.runtime.after(SILENCE_MS_MAX, () => abort.abort());
    // A lost connection is an end like any other: what matters is where the next one goes on.
    const read = await reader.read().catch(() => undefined).finally(cancel);
    if (read?.value === undefined) return;
    yield* parser.push(decoder.decode(read.value, { stream: true }));
  }
}
