/** Streams: server-sent events that outlive their connections. */

import type { Http, Route } from "./http.ts";

/** The server sends a comment every 15 s; a stream that is silent for this long is dead. */
const SILENCE_MS_MAX = 45_000;

/** The delay before connecting again, unless the server says. */
const RECONNECT_MS = 2_000;

/** Where to begin, and when to end. */
export interface StreamOptions {
  /** The last id that was seen; the stream continues after it. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A frame, or that the connection was lost and a new one begins. */
export type StreamPart =
  | { readonly kind: "frame"; readonly event: string; readonly data: string }
  | { readonly kind: "reconnected" };

/**
 * Follows a stream over as many connections as it takes; each continues after the last id seen.
 * It ends when the server answers that there is no more (204).
 *
 * @throws {ClientError} when it cannot connect for as long as the client repeats calls
 */
export async function* followStream(
  http: Http,
  { route, input }: { route: Route; input: Readonly<Record<string, unknown>> },
  { after, signal }: StreamOptions,
): AsyncGenerator<StreamPart> {
  let seen = after;
  for (let connections = 1;; connections++) {
    const headers = seen === undefined ? {} : { "last-event-id": seen };
    const opened = await http.open(route, input, { headers, signal });
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
    await http.delay(parser.retryMs ?? RECONNECT_MS, signal);
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
    // A lost connection is an end like any other: the next one continues after the last id.
    const read = await reader.read().catch(() => undefined).finally(cancel);
    if (read?.value === undefined) return;
    yield* parser.push(decoder.decode(read.value, { stream: true }));
  }
}

/** One event of a stream. */
export interface Frame {
  /** The newest id of the stream; absent before the first. */
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** Takes text in any pieces, gives whole frames. */
export class FrameParser {
  #rest = "";
  #id: string | undefined;
  #event = "";
  #data: string[] = [];
  #retryMs: number | undefined;

  /** How long the server asks to wait before connecting again, in ms. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** Adds text and returns the frames it completes. A frame without data is none. */
  push(text: string): Frame[] {
    // A CR at the end may be half of a CRLF: it waits for what follows.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => line === "" ? this.#end() : this.#field(line));
  }

  #field(line: string): [] {
    const colon = line.indexOf(":");
    if (colon === 0) return []; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#event = value;
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (name === "retry" && /^\d{1,9}$/.test(value)) this.#retryMs = Number(value);
    return [];
  }

  #end(): Frame[] {
    const [data, event] = [this.#data, this.#event];
    this.#data = [];
    this.#event = "";
    if (data.length === 0) return [];
    return [{
      ...(this.#id === undefined ? {} : { id: this.#id }),
      event: event === "" ? "message" : event,
      data: data.join("\n"),
    }];
  }
}
