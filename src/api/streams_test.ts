import { deepEqual, equal, ok } from "node:assert/strict";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { type FakeWorld, fakeWorld } from "./_fakes.ts";
import { BEAT_MS, STALL_MS } from "./sse.ts";
import { FEED_TURNS_MAX } from "./streams.ts";

/** Reads a stream as text, a chunk at a time. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  constructor(response: Response) {
    equal(response.status, 200);
    ok(response.headers.get("content-type")?.startsWith("text/event-stream"));
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  /** The next chunk, or undefined at the end. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#reader.read();
    return done ? undefined : this.#decoder.decode(value);
  }

  async rest(): Promise<string> {
    let text = "";
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) {
      text += chunk;
    }
    return text;
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
  }
}

function idsIn(text: string): string[] {
  return [...text.matchAll(/^id: (.+)$/gm)].map((match) => match[1] ?? "");
}

function commit(world: FakeWorld, id: TaskId, step: number, ...more: Event[]): void {
  const atMs = world.runtime.now();
  const attempt = { atMs, step, attempt: 1 };
  const result = encodePayload(null, "result");
  world.engine.commit(
    id,
    { kind: "StepStarted", ...attempt, waitedMs: 0, policyVersion: 0 },
    { kind: "StepCompleted", ...attempt, ranMs: 1, result },
    ...more,
  );
}

function ended(world: FakeWorld): Event {
  return { kind: "TaskEnded", atMs: world.runtime.now(), end: "completed" };
}

Deno.test("a task's stream tells all events from the first to the end, then closes", async () => {
  const world = fakeWorld();
  const id = await world.started();
  const reader = new Reader(await world.ask(`GET /v1/tasks/${id}/events`));
  ok((await reader.next())?.startsWith("retry: "));
  deepEqual(idsIn(await reader.next() ?? ""), ["1.1"]);

  commit(world, id, 0);
  deepEqual(idsIn(await reader.next() ?? ""), ["2.1", "2.2"]);
  commit(world, id, 1, ended(world));
  deepEqual(idsIn(await reader.rest()), ["3.1", "3.2", "3.3"]);

  await world.runtime.settle();
  equal(world.engine.watchers, 0);
});

Deno.test("a task's stream tells another node's events without any hint", async () => {
  const world = fakeWorld();
  world.engine.isFeedOn = false;
  const id = await world.started();
  const reader = new Reader(await world.ask(`GET /v1/tasks/${id}/events`));
  await reader.next();
  await reader.next();

  commit(world, id, 0, ended(world));
  const rest = reader.rest();
  await world.runtime.advance(1_000);

  deepEqual(idsIn(await rest), ["2.1", "2.2", "2.3"]);
});

Deno.test("Last-Event-ID resumes inside a turn without a gap and without a repeat", async () => {
  const world = fakeWorld();
  const id = await world.started();
  commit(world, id, 0);
  commit(world, id, 1, ended(world));

  for (
    const [seen, expected] of [
      ["1.1", ["2.1", "2.2", "3.1", "3.2", "3.3"]],
      ["2.1", ["2.2", "3.1", "3.2", "3.3"]],
      ["2.2", ["3.1", "3.2", "3.3"]],
    ] as const
  ) {
    const response = await world.ask(`GET /v1/tasks/${id}/events`, {
      headers: { "last-event-id": seen },
    });
    deepEqual(idsIn(await new Reader(response).rest()), expected, seen);
  }
});

Deno.test("who has seen the end is told to stay away by 204", async () => {
  const world = fakeWorld();
  const id = await world.started();
  commit(world, id, 0, ended(world));

  const response = await world.ask(`GET /v1/tasks/${id}/events`, {
    headers: { "last-event-id": "2.3" },
  });

  equal(response.status, 204);
});

Deno.test("a Last-Event-ID that is none of ours is refused", async () => {
  const world = fakeWorld();
  const id = await world.started();

  const headers = { "last-event-id": "x" };

  equal((await world.ask(`GET /v1/tasks/${id}/events`, { headers })).status, 400);
});

Deno.test("an idle stream beats, so that nobody takes it for dead", async () => {
  const world = fakeWorld();
  const reader = new Reader(await world.ask("GET /v1/events"));
  await reader.next();

  const beat = reader.next();
  await world.runtime.advance(BEAT_MS);

  equal(await beat, ": beat\n\n");
  await reader.leave();
});

Deno.test("a client that leaves is forgotten at once", async () => {
  const world = fakeWorld();
  const id = await world.started();
  const one = new Reader(await world.ask(`GET /v1/tasks/${id}/events`));
  const all = new Reader(await world.ask("GET /v1/events"));
  await one.next();
  await all.next();
  equal(world.engine.watchers, 2);

  await one.leave();
  await all.leave();
  await world.runtime.settle();

  equal(world.engine.watchers, 0);
});

Deno.test("a client that takes nothing is sent home", async () => {
  const world = fakeWorld();
  await world.ask("GET /v1/events");
  await world.runtime.settle();

  await world.runtime.advance(STALL_MS);

  equal(world.engine.watchers, 0);
});

Deno.test("close() ends every stream cleanly", async () => {
  const world = fakeWorld();
  const id = await world.started();
  const one = new Reader(await world.ask(`GET /v1/tasks/${id}/events`));
  const all = new Reader(await world.ask("GET /v1/events"));
  await one.next();
  await one.next();
  await all.next();

  world.api.close();

  equal(await one.rest(), "");
  equal(await all.rest(), "");
  equal(world.engine.watchers, 0);
});

Deno.test("close() does not wait for a client that takes nothing", async () => {
  const world = fakeWorld();
  await world.ask("GET /v1/events");
  await world.runtime.settle();

  world.api.close();
  await world.runtime.settle();

  equal(world.engine.watchers, 0);
});

Deno.test("the live feed shows turns of the key's namespaces, from now on", async () => {
  const world = fakeWorld();
  await world.started();
  const key = world.key(["read"], ["orders"]);
  const reader = new Reader(await world.ask("GET /v1/events", { key }));
  await reader.next();

  await world.started({ body: { workflow: "billing/bill" } });
  const id = await world.started();

  const { id: seen, workflow, turn, state, events } = JSON.parse(
    (await reader.next() ?? "").replace("data: ", ""),
  );
  deepEqual([seen, workflow, turn, state], [id, "process", 1, "running"]);
  equal(events[0].kind, "TaskStarted");
  await reader.leave();
});

Deno.test("the live feed counts what a slow client has missed instead of keeping it", async () => {
  const world = fakeWorld();
  const id = await world.started();
  const reader = new Reader(await world.ask("GET /v1/events"));
  await world.runtime.settle();

  for (let count = 0; count < FEED_TURNS_MAX + 7; count++) {
    world.engine.commit(id, { kind: "TaskPaused", atMs: 0, by: "x", reason: "" });
  }
  await reader.next();

  const text = await reader.next() ?? "";
  equal(text.match(/^data: \{"id"/gm)?.length, FEED_TURNS_MAX);
  ok(text.endsWith('event: lost\ndata: {"turns":7}\n\n'));
  await reader.leave();
});
