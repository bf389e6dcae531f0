/** Exports: the lines of all tasks of a filter, over as many connections as it takes. */

import type { ExportLine, OperationInput } from "./documents.ts";
import { unreachable } from "./error.ts";
import type { CallOptions, Http } from "./http.ts";
import { ROUTES } from "./routes.ts";

/** The server sends a space every 15 s; a body that is silent for this long is dead. */
const SILENCE_MS_MAX = 45_000;

/** The delay before connecting again. */
const RECONNECT_MS = 1_000;

/** Connections in a row that may break off without a line. */
const FRUITLESS_MAX = 5;

/**
 * Reads an export to its end. A body that breaks off is asked for again behind its last whole line, so
 * each line comes once.
 *
 * @throws {ClientError} when it cannot connect for as long as the client repeats calls, or no line comes
 */
export async function* exportLines(
  http: Http,
  input: OperationInput<"exportTasks">,
  { signal }: CallOptions,
): AsyncGenerator<ExportLine> {
  let { after } = input;
  for (let fruitless = 0;;) {
    const asked = { ...input, ...(after !== undefined && { after }) };
    const headers = { accept: "application/jsonl" };
    const opened = await http.open(ROUTES.exportTasks, asked, { headers, signal });
    if (opened === undefined) return;
    try {
      for await (const text of linesOf(http, opened)) {
        const line = lineOf(text);
        yield line;
        // After the yield: a line counts as read when its reader asks for the next one.
        [after, fruitless] = [line.place, 0];
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BrokenOff)) throw error;
      if (++fruitless > FRUITLESS_MAX) throw unreachable(http.url, error.cause);
    } finally {
      opened.abort.abort();
    }
    await http.delay(RECONNECT_MS, signal);
  }
}

/** The body has ended before its time. */
class BrokenOff extends Error {}

/** Reads the whole lines of one body; what follows the last of them is left out. */
async function* linesOf(
  http: Http,
  { body, abort }: { body: ReadableStream<Uint8Array>; abort: AbortController },
): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  abort.signal.addEventListener("abort", () => void reader.cancel().catch(() => {}));
  while (true) {
    const cancel = http.runtime.after(SILENCE_MS_MAX, () => abort.abort());
    const { value, done } = await reader.read()
      .catch((cause) => {
        throw new BrokenOff("", { cause });
      })
      .finally(cancel);
    if (abort.signal.aborted) throw new BrokenOff("", { cause: new Error("no answer") });
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.map((line) => line.trimStart());
  }
}

function lineOf(text: string): ExportLine {
  const value = JSON.parse(text);
  if (!("task" in value)) return { kind: "task", text, value, place: value.id };
  const { task, turn, number } = value;
  if (turn === undefined) return { kind: "unread", text, value, place: task };
  return { kind: "event", text, value, place: `${task}.${turn}.${number}` };
}
