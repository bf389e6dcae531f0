import { ok } from "node:assert/strict";
import { makeDataDir } from "../support/data_dir.ts";
import { arrival } from "../support/inbox.ts";
import { serve, type Served } from "../support/serve.ts";

/** The ids of the tasks that a stream names, until one is there that is waited for. */
async function* changedIds({ url, key }: Served): AsyncGenerator<string> {
  const response = await fetch(`${url}/v1/changes`, {
    headers: { authorization: `Bearer ${key}` },
  });
  ok(response.body !== null);
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    for (const [, id = ""] of text.matchAll(/"id":"([^"]+)"/g)) yield id;
  }
}

async function start({ url, key }: Served): Promise<string> {
  const response = await fetch(`${url}/v1/tasks`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ workflow: "examples/hello", input: { name: "Ada" } }),
  });
  const { id } = await response.json();
  ok(typeof id === "string");
  return id;
}

/** How long until another task is started. */
const NEXT_MS = 500;

/** Starts tasks on a server until one of them is seen: what ran before somebody listened is not. */
async function untilOneIsSeen(ids: AsyncGenerator<string>, server: Served): Promise<void> {
  const started = new Set<string>();
  const seen = new AbortController();
  const starting = (async () => {
    while (!seen.signal.aborted) {
      started.add(await start(server));
      await new Promise((wake) => setTimeout(wake, NEXT_MS));
    }
  })();
  for (let isSeen = false; !isSeen;) {
    const { value, done } = await arrival("a task on the page", ids.next());
    ok(!done, "the stream ended before a task was seen");
    isSeen = started.has(value);
  }
  seen.abort();
  await starting;
}

Deno.test("a page sees tasks of every node, and goes on when one of them is killed", async () => {
  const dataDir = makeDataDir("changes");
  try {
    await using one = await serve({ dataDir });
    await using other = await serve({ dataDir });
    const ids = changedIds(one);

    await untilOneIsSeen(ids, one);
    await untilOneIsSeen(ids, other);
    other.kill("SIGKILL");
    await other.exited;
    await untilOneIsSeen(ids, one);

    await ids.return(undefined);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
