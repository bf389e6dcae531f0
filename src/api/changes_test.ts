import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { FakeNotes } from "../../tests/support/fake_notes.ts";
import { type FakeApi } from "../../tests/support/fake_api.ts";
import { CHANGED_MAX, TICK_MS } from "./changes.ts";

/** One event as a page gets it. */
interface Event {
  readonly tasks: readonly { readonly id: string; readonly state: string; readonly turn: number }[];
  readonly isMore: boolean;
}

/** Reads changes as a page does. */
async function read(fake: FakeApi, { key, after }: { key?: string; after?: string } = {}) {
  const response = await fake.ask("GET /v1/changes", {
    ...(key === undefined ? {} : { key }),
    headers: after === undefined ? {} : { "last-event-id": after },
  });
  equal(response.status, 200);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  let lastId = "";
  return {
    get lastId() {
      return lastId;
    },
    async next(): Promise<Event> {
      for (;;) {
        const frame = /id: (\S+)\ndata: (.*)\n\n/.exec(text);
        if (frame?.[2] !== undefined) {
          text = text.slice(frame.index + frame[0].length);
          lastId = frame[1] ?? "";
          return JSON.parse(frame[2]);
        }
        const { value, done } = await reader.read();
        if (done) throw new Error("the stream has ended");
        text += decoder.decode(value);
      }
    },
    leave: () => reader.cancel(),
  };
}

function idsOf({ tasks }: Event): readonly string[] {
  return tasks.map(({ id }) => id).toSorted();
}

Deno.test("a page that opens is asked to read everything, then gets the tasks that changed", async () => {
  const fake = fakeApi();
  const page = await read(fake);
  const first = await page.next();

  const [one, other] = [await fake.started(), await fake.started()];
  await fake.runtime.advance(TICK_MS);
  const second = await page.next();

  deepEqual([first.tasks, first.isMore], [[], true]);
  deepEqual(idsOf(second), [one, other].toSorted());
  deepEqual(second.tasks.map(({ state, turn }) => [state, turn]), [["running", 1], ["running", 1]]);
  equal(second.isMore, false);
  await page.leave();
});

Deno.test("a page that comes back gets what it missed, and one of another life everything", async () => {
  const fake = fakeApi();
  const stays = await read(fake);
  await stays.next();
  const page = await read(fake);
  await page.next();
  await page.leave();
  const id = await fake.started();
  await fake.runtime.advance(TICK_MS);

  const again = await read(fake, { after: page.lastId });
  const stranger = await read(fake, { after: "other.7" });

  deepEqual(idsOf(await again.next()), [id]);
  equal((await stranger.next()).isMore, true);
  for (const one of [stays, again, stranger]) await one.leave();
});

Deno.test("a page that comes back after nobody read for a while is asked to read everything", async () => {
  for (const isWatched of [false, true]) {
    const notes = new FakeNotes();
    const fake = fakeApi({ notes });
    const page = await read(fake);
    await page.next();
    await fake.started();
    await fake.runtime.advance(TICK_MS);
    await page.next();
    await page.leave();
    if (isWatched) await notes.publish(JSON.stringify({ from: "other" }));
    await fake.runtime.advance(2 * TICK_MS);
    await fake.started(); // nobody here is sent it
    await fake.runtime.advance(2 * TICK_MS);

    const again = await read(fake, { after: page.lastId });
    const next = again.next();
    await fake.started();
    await fake.runtime.advance(TICK_MS);

    const { tasks, isMore } = await next;
    deepEqual([tasks, isMore], [[], true]);
    await again.leave();
  }
});

Deno.test("a page gets the changes of its namespaces alone", async () => {
  const fake = fakeApi();
  const page = await read(fake, { key: fake.key(["read"], ["billing"]) });
  await page.next();

  for (let second = 0; second < 15; second++) {
    if (second < 10) await fake.started();
    else await fake.started({ body: { workflow: "billing/bill", input: second } });
    await fake.runtime.advance(TICK_MS);
  }

  // One sign of life after ten seconds in which others were busy, then each change of its own.
  const events = [];
  for (let count = 0; count < 6; count++) events.push(await page.next());
  deepEqual(events.map(({ tasks, isMore }) => [tasks.length, isMore]), [
    [0, false],
    ...Array.from({ length: 5 }, () => [1, false]),
  ]);
  await page.leave();
});

Deno.test("namespaces that are busy take no place of another, in a stream and in a note", async () => {
  const notes = new FakeNotes();
  const fake = fakeApi({ notes });
  const page = await read(fake, { key: fake.key(["read"], ["billing"]) });
  await page.next();
  await notes.publish(JSON.stringify({ from: "other" }));

  for (let count = 0; count <= CHANGED_MAX; count++) await fake.started();
  const id = await fake.started({ body: { workflow: "billing/bill", input: 1 } });
  await fake.runtime.advance(TICK_MS);
  const own = await page.next();
  const change = { id: "t", namespace: "orders", workflow: "process", state: "failed", turn: 1 };
  await notes.publish(
    JSON.stringify({ from: "other", changed: [change], isMore: true, more: ["orders"] }),
  );
  await notes.publish(
    JSON.stringify({
      from: "other",
      changed: [{ ...change, id: "u", namespace: "billing" }],
      more: [],
    }),
  );
  await fake.runtime.advance(TICK_MS);
  const others = await page.next();

  deepEqual([idsOf(own), own.isMore], [[id], false]);
  deepEqual([idsOf(others).length, others.isMore], [1, false]);
  const note = JSON.parse(notes.published.find((text) => text.includes("changed")) ?? "");
  equal(note.changed.filter((one: { id: string }) => one.id === id).length, 1);
  deepEqual(note.more, ["orders"]);
  await page.leave();
});

Deno.test("a page that says it has seen what is not there yet is asked to read everything", async () => {
  const fake = fakeApi();
  const page = await read(fake);
  await page.next();
  const life = page.lastId.split(".")[0];

  const forged = await read(fake, { after: `${life}.99999999` });
  const first = await forged.next();
  const id = await fake.started();
  await fake.runtime.advance(TICK_MS);

  deepEqual([first.isMore, idsOf(await forged.next())], [true, [id]]);
  for (const one of [page, forged]) await one.leave();
});

Deno.test("changes of other nodes arrive, and others are sent ours only while they ask", async () => {
  const notes = new FakeNotes();
  const fake = fakeApi({ notes });
  await fake.started();
  await fake.runtime.advance(60_000);
  equal(notes.published.length, 0, "nobody reads, here or there");
  const page = await read(fake);
  await page.next();

  await notes.publish(JSON.stringify({
    from: "other",
    changed: [{ id: "t", namespace: "orders", workflow: "process", state: "failed", turn: 3 }],
  }));
  await fake.runtime.advance(TICK_MS);
  deepEqual((await page.next()).tasks.map(({ id }) => id), ["t"]);

  await notes.publish(JSON.stringify({ from: "other" }));
  const id = await fake.started();
  await fake.runtime.advance(TICK_MS);
  const ours = notes.published.filter((text) => text.includes("changed") && text.includes(id));
  equal(ours.length, 1);
  await page.leave();
});

Deno.test("after a lost connection between nodes a page is asked to read everything", async () => {
  const notes = new FakeNotes();
  const fake = fakeApi({ notes });
  const page = await read(fake);
  await page.next();

  await notes.publish("");
  await fake.runtime.advance(TICK_MS);

  equal((await page.next()).isMore, true);
  await page.leave();
});

Deno.test("many changes are bounded, in a stream and in a note", async () => {
  const notes = new FakeNotes();
  const fake = fakeApi({ notes });
  const page = await read(fake);
  await page.next();
  await notes.publish(JSON.stringify({ from: "other" }));

  for (let count = 0; count <= CHANGED_MAX; count++) await fake.started();
  await fake.runtime.advance(TICK_MS);

  const { tasks, isMore } = await page.next();
  deepEqual([tasks.length, isMore], [CHANGED_MAX, true]);
  const note = notes.published.find((text) => text.includes("changed")) ?? "";
  ok(note.length < 8_000, `a note of ${note.length} bytes`);
  match(note, /"isMore":true/);
  await page.leave();
});
