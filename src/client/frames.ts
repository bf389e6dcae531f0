/** Frames: a text/event-stream read as it comes (WHATWG HTML §9.2.6). */

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
