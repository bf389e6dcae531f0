/**
 * Root of the process that works on documents: a text that takes long holds up no task. It may listen on
 * this host, and nothing else.
 *
 * It prints its port, and then a line a second while it is not at work; it ends when its stdin does.
 */

import { messageOf, TaskerError } from "../core/errors.ts";
import { answerWorks } from "./document_wire.ts";
import type { Perform } from "./document_work.ts";

/** How often it says that it goes on. */
const BEAT_MS = 1_000;

/** What a request has to carry. */
const { password: key } = new URL(Deno.env.get("TASKER_DOCUMENTS_URL") ?? "");

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  answerWorks(key, open),
);

/** Loads the work when it is needed: until then the process is small. */
async function open(): Promise<Perform> {
  try {
    const [{ performHere }, { openRuntime }] = await Promise.all([
      import("./document_work.ts"),
      import("./runtime.ts"),
    ]);
    return performHere(openRuntime());
  } catch (cause) {
    // Files that were replaced since it started it may not read: the next process begins with them.
    console.error(`Cannot load the work on documents: ${messageOf(cause)}`);
    void server.shutdown().then(() => Deno.exit(1));
    throw new TaskerError(
      "api.busy",
      "Cannot work on the document now: the code of the process for that was replaced, and it starts again",
      { cause },
    );
  }
}

console.log(server.addr.port);
setInterval(() => console.log(""), BEAT_MS);
for await (const _ of Deno.stdin.readable);
Deno.exit(0);
