import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { all, commit, ended, placeOf, settled, started, wire } from "./_wire.ts";

Deno.test("events() tells every event once, wherever its connections are cut", async () => {
  const expected = ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"];
  for (let bytes = 0; bytes < 1_000; bytes += 9) {
    const line = wire();
    const { id } = await started(line);
    commit(line.world, id, 0);
    commit(line.world, id, 1, ended(line.world));

    line.faults.push(bytes, "refused", bytes / 3);
    const entries = await settled(line, all(line.client.events(id)));

    deepEqual(entries.map(placeOf), expected, `cut after ${bytes} bytes`);
  }
});

Deno.test("events() waits for what is not written yet, and gives up when the server is gone", async () => {
  const line = wire();
  const { id } = await started(line);
  const seen: string[] = [];

  const following = (async () => {
    for await (const entry of line.client.events(id)) seen.push(placeOf(entry));
  })();
  await line.world.runtime.advance(5_000);
  commit(line.world, id, 0);
  await line.world.runtime.advance(5_000);
  line.world.api.close(); // ends every stream, as a drain does

  await rejects(settled(line, following), { code: "node.draining" });
  deepEqual(seen, ["1.1", "2.1", "2.2"]);
});

Deno.test("a stream that falls silent is left, and a new one goes on", async () => {
  const line = wire();
  const { id } = await started(line);
  commit(line.world, id, 0);
  commit(line.world, id, 1, ended(line.world));
  const silent = new ReadableStream({
    start: (to) => to.enqueue(new TextEncoder().encode(`id: 1.1\ndata: {"turn":1,"number":1}\n\n`)),
  });
  line.answers.push(new Response(silent));

  const entries = await settled(line, all(line.client.events(id)));

  deepEqual(entries.map(placeOf), ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"]);
});

Deno.test("events() goes on after the last event seen, on another node", async () => {
  const line = wire();
  const { id } = await started(line);
  commit(line.world, id, 0);
  commit(line.world, id, 1, ended(line.world));

  const entries = await all(line.client.events(id, { after: "2.1" }));

  deepEqual(entries.map(placeOf), ["2.2", "3.1", "3.2", "3.3"]);
  deepEqual(await all(line.client.events(id, { after: "3.3" })), []);
});

Deno.test("feed() tells turns of all tasks, and that some were lost with the connection", async () => {
  const line = wire();
  const feed = line.client.feed();
  const first = feed.next();
  await line.world.runtime.settle();
  const { id } = await started(line);

  const { value } = await first;

  ok(value?.kind === "turn");
  deepEqual([value.turn.id, value.turn.turn], [id, 1]);
  await feed.return(undefined);
  await line.world.runtime.settle();
  equal(line.world.engine.watchers, 0);
});
