import { ok } from "node:assert/strict";
import { makeDataDir } from "../support/data_dir.ts";
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

async function untilSeen(ids: AsyncGenerator<string>, wanted: string): Promise<void> {
  for (;;) {
    const { value, done } = await ids.next();
    ok(!done, "the stream ended before the task was seen");
    if (value === wanted) return;
  }
}

Deno.test("a page sees tasks of every node, and goes on when one of them is killed", async () => {
  const dataDir = makeDataDir("changes");
  try {
    await using one = await serve({ dataDir });
    await using other = await serve({ dataDir });
    const ids = changedIds(one);
    // The first note of the reader asks the other node; what it did before is read by the page.
    await untilSeen(ids, await start(one));

    await untilSeen(ids, await start(other));
    other.kill("SIGKILL");
    await other.exited;
    await untilSeen(ids, await start(one));

    await ids.return(undefined);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
