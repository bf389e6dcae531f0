import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { FrameParser } from "./stream.ts";
import {
  all,
  commit,
  ended,
  openClientHarness,
  placeOf,
  settled,
  started,
} from "../../tests/support/client_harness.ts";

Deno.test("events() gives every event once, wherever its connections are cut", async () => {
  const expected = ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"];
  for (let bytes = 0; bytes < 1_000; bytes += 9) {
    const harness = openClientHarness();
    const { id } = await started(harness);
    commit(harness.fake, id, 0);
    commit(harness.fake, id, 1, ended(harness.fake));

    harness.faults.push(bytes, "refused", bytes / 3);
    const entries = await settled(harness, all(harness.client.events(id)));

    deepEqual(entries.map(placeOf), expected, `cut after ${bytes} bytes`);
  }
});

Deno.test("events() waits for what is not written yet, and gives up when the server is gone", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  const seen: string[] = [];

  const following = (async () => {
    for await (const entry of harness.client.events(id)) seen.push(placeOf(entry));
  })();
  await harness.fake.runtime.advance(5_000);
  commit(harness.fake, id, 0);
  await harness.fake.runtime.advance(5_000);
  harness.fake.api.close(); // ends every stream, as a drain does

  await rejects(settled(harness, following), { code: "node.draining" });
  deepEqual(seen, ["1.1", "2.1", "2.2"]);
});

Deno.test("a stream that falls silent is left, and a new one goes on", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  commit(harness.fake, id, 0);
  commit(harness.fake, id, 1, ended(harness.fake));
  const silent = new ReadableStream({
    start: (to) => to.enqueue(new TextEncoder().encode(`id: 1.1\ndata: {"turn":1,"number":1}\n\n`)),
  });
  harness.answers.push(new Response(silent));

  const entries = await settled(harness, all(harness.client.events(id)));

  deepEqual(entries.map(placeOf), ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"]);
});

Deno.test("events() goes on after the last event seen, on another node", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  commit(harness.fake, id, 0);
  commit(harness.fake, id, 1, ended(harness.fake));

  const entries = await all(harness.client.events(id, { after: "2.1" }));

  deepEqual(entries.map(placeOf), ["2.2", "3.1", "3.2", "3.3"]);
  deepEqual(await all(harness.client.events(id, { after: "3.3" })), []);
});

Deno.test("feed() gives turns of all tasks, and that some were lost with the connection", async () => {
  const harness = openClientHarness();
  const feed = harness.client.feed();
  const first = feed.next();
  await harness.fake.runtime.settle();
  const { id } = await started(harness);

  const { value } = await first;

  ok(value?.kind === "turn");
  deepEqual([value.turn.id, value.turn.turn], [id, 1]);
  await feed.return(undefined);
  await harness.fake.runtime.settle();
  equal(harness.fake.engine.watchers, 0);
});

Deno.test("FrameParser gives the same frames wherever the text is cut", () => {
  const text =
    ": hi\nretry: 50\r\n\r\nid: 1.1\ndata: a\ndata:b\r\n\nevent: lost\rdata\r\rid: 2\n\n";
  const frames = [
    { id: "1.1", event: "message", data: "a\nb" },
    { id: "1.1", event: "lost", data: "" },
  ];

  for (let size = 1; size <= text.length; size++) {
    const parser = new FrameParser();
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    deepEqual(pieces.flatMap((piece) => parser.push(piece)), frames, `pieces of ${size}`);
    equal(parser.retryMs, 50);
  }
});

Deno.test("FrameParser gives no frame whose end never came", () => {
  deepEqual(new FrameParser().push("id: 1\ndata: half"), []);
});
