import { equal } from "node:assert/strict";
import { makeDataDir } from "../../tests/support/data_dir.ts";
import { markHung, takeNodeLock } from "./node_lock.ts";

/** Takes the place, does something there, is marked as hung, and leaves the place to the next. */
async function hang(dataDir: string, notes: readonly (string | undefined)[]) {
  const lock = await takeNodeLock(dataDir);
  for (const one of notes) lock.noteRequest(one);
  const request = await markHung(dataDir, Deno.pid);
  lock[Symbol.dispose]();
  using next = await takeNodeLock(dataDir);
  return { request, previousHung: next.previousHung };
}

Deno.test("a server that a request made hang is no server whose steps did", async () => {
  const dataDir = makeDataDir("node-lock");
  const post = "POST /v1/tasks";
  const long = `POST /${"long".repeat(100)}`;

  const [none, one, over, cut] = [
    await hang(dataDir, []),
    await hang(dataDir, ["GET /v1/tasks/{id}", post]),
    await hang(dataDir, [post, undefined]),
    await hang(dataDir, [long]),
  ];

  equal(JSON.stringify(none), '{"previousHung":true}');
  equal(JSON.stringify(one), JSON.stringify({ request: post, previousHung: false }));
  equal(JSON.stringify(over), '{"previousHung":true}');
  equal(cut?.previousHung, false);
  equal(long.startsWith(cut?.request ?? "-"), true);
  await Deno.remove(dataDir, { recursive: true });
});
