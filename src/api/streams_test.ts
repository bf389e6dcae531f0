import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { FEED_BYTES_MAX, FEED_TURNS_MAX } from "./live_feed.ts";
import { BEAT_MS, eventStream, STALL_MS, StreamMemory, STREAMS_BYTES_MAX } from "./sse.ts";

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

function commit(fake: FakeApi, id: TaskId, step: number, ...more: Event[]): void {
  const atMs = fake.runtime.now();
  const attempt = { atMs, step, attempt: 1 };
  const result = encodePayload(null, "result");
  fake.engine.commit(
    id,
    { kind: "StepStarted", ...attempt, waitedMs: 0, policyVersion: 0 },
    { kind: "StepCompleted", ...attempt, ranMs: 1, result },
    ...more,
  );
}

function ended(fake: FakeApi): Event {
  return { kind: "TaskEnded", atMs: fake.runtime.now(), end: "completed" };
}

Deno.test("a task's stream sends all events from the first to the last, then closes", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const reader = new Reader(await fake.ask(`GET /v1/tasks/${id}/events`));
  ok((await reader.next())?.startsWith("retry: "));
  deepEqual(idsIn(await reader.next() ?? ""), ["1.1"]);

  commit(fake, id, 0);
  deepEqual(idsIn(await reader.next() ?? ""), ["2.1", "2.2"]);
  commit(fake, id, 1, ended(fake));
  deepEqual(idsIn(await reader.rest()), ["3.1", "3.2", "3.3"]);

  await fake.runtime.settle();
  equal(fake.engine.watchers, 0);
});

Deno.test("a task's stream sends another node's events without any notification", async () => {
  const fake = fakeApi();
  fake.engine.isFeedOn = false;
  const id = await fake.started();
  const reader = new Reader(await fake.ask(`GET /v1/tasks/${id}/events`));
  await reader.next();
  await reader.next();

  commit(fake, id, 0, ended(fake));
  const rest = reader.rest();
  await fake.runtime.advance(1_000);

  deepEqual(idsIn(await rest), ["2.1", "2.2", "2.3"]);
});

Deno.test("Last-Event-ID resumes inside a turn without a gap and without a repeat", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  commit(fake, id, 0);
  commit(fake, id, 1, ended(fake));

  for (
    const [seen, expected] of [
      ["1.1", ["2.1", "2.2", "3.1", "3.2", "3.3"]],
      ["2.1", ["2.2", "3.1", "3.2", "3.3"]],
      ["2.2", ["3.1", "3.2", "3.3"]],
    ] as const
  ) {
    const response = await fake.ask(`GET /v1/tasks/${id}/events`, {
      headers: { "last-event-id": seen },
    });
    deepEqual(idsIn(await new Reader(response).rest()), expected, seen);
  }
});

Deno.test("a client that has seen the end gets 204, so that it does not connect again", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  commit(fake, id, 0, ended(fake));

  const response = await fake.ask(`GET /v1/tasks/${id}/events`, {
    headers: { "last-event-id": "2.3" },
  });

  equal(response.status, 204);
});

Deno.test("an unknown form of Last-Event-ID is refused", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  const headers = { "last-event-id": "x" };

  equal((await fake.ask(`GET /v1/tasks/${id}/events`, { headers })).status, 400);
});

Deno.test("an idle stream sends heartbeats", async () => {
  const fake = fakeApi();
  const reader = new Reader(await fake.ask("GET /v1/events"));
  await reader.next();

  const beat = reader.next();
  await fake.runtime.advance(BEAT_MS);

  equal(await beat, ": beat\n\n");
  await reader.leave();
});

Deno.test("a client that leaves is forgotten at once", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const one = new Reader(await fake.ask(`GET /v1/tasks/${id}/events`));
  const all = new Reader(await fake.ask("GET /v1/events"));
  await one.next();
  await all.next();
  equal(fake.engine.watchers, 2);

  await one.leave();
  await all.leave();
  await fake.runtime.settle();

  equal(fake.engine.watchers, 0);
});

Deno.test("the stream of a client that reads nothing is ended", async () => {
  const fake = fakeApi();
  await fake.ask("GET /v1/events");
  await fake.runtime.settle();

  await fake.runtime.advance(STALL_MS);

  equal(fake.engine.watchers, 0);
});

Deno.test("close() ends every stream cleanly", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const one = new Reader(await fake.ask(`GET /v1/tasks/${id}/events`));
  const all = new Reader(await fake.ask("GET /v1/events"));
  await one.next();
  await one.next();
  await all.next();

  fake.api.close();

  equal(await one.rest(), "");
  equal(await all.rest(), "");
  equal(fake.engine.watchers, 0);
});

Deno.test("close() does not wait for a client that reads nothing", async () => {
  const fake = fakeApi();
  await fake.ask("GET /v1/events");
  await fake.runtime.settle();

  fake.api.close();
  await fake.runtime.settle();

  equal(fake.engine.watchers, 0);
});

Deno.test("the live feed shows turns of the key's namespaces, from now on", async () => {
  const fake = fakeApi();
  await fake.started();
  const key = fake.key(["read"], ["orders"]);
  const reader = new Reader(await fake.ask("GET /v1/events", { key }));
  await reader.next();

  await fake.started({ body: { workflow: "billing/bill" } });
  const id = await fake.started();

  const { id: seen, workflow, turn, state, events } = JSON.parse(
    (await reader.next() ?? "").replace("data: ", ""),
  );
  deepEqual([seen, workflow, turn, state], [id, "process", 1, "running"]);
  equal(events[0].kind, "TaskStarted");
  await reader.leave();
});

Deno.test("the live feed counts what a slow client has missed instead of keeping it", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const reader = new Reader(await fake.ask("GET /v1/events"));
  await fake.runtime.settle();

  for (let count = 0; count < FEED_TURNS_MAX + 7; count++) {
    fake.engine.commit(id, { kind: "TaskPaused", atMs: 0, by: "x", reason: "" });
  }
  await reader.next();

  for (let count = 0; count < FEED_TURNS_MAX; count++) {
    ok((await reader.next())?.startsWith('data: {"id"'));
  }
  equal(await reader.next(), 'event: lost\ndata: {"turns":7}\n\n');
  await reader.leave();
});

const LARGE = "x".repeat(250 * 1024);

/** Commits a turn with a large payload. */
function commitLarge(fake: FakeApi, id: TaskId): void {
  const atMs = fake.runtime.now();
  const payload = encodePayload(LARGE, "payload");
  fake.engine.commit(id, { kind: "SignalReceived", atMs, step: 2, payload });
}

function encodedIn(fake: FakeApi): number {
  return fake.deps.metrics.counter("tasker_stream_turns_encoded_total").value;
}

for (const path of ["/v1/events", "/v1/tasks/{id}/events"]) {
  Deno.test(`1,000 listeners of ${path} had each turn encoded for each of them`, async () => {
    const fake = fakeApi();
    const id = await fake.started();
    const readers: Reader[] = [];
    for (let count = 0; count < 1_000; count++) {
      readers.push(new Reader(await fake.ask(`GET ${path.replace("{id}", id)}`)));
    }
    const texts = readers.map(() => "");
    const reading = readers.map(async (reader, at) => {
      for (let chunk; (chunk = await reader.next()) !== undefined;) texts[at] += chunk;
    });
    await fake.runtime.settle();
    const before = encodedIn(fake);

    for (const step of [0, 1, 2]) {
      commit(fake, id, step);
      await fake.runtime.settle();
    }
    fake.api.close();
    await Promise.all(reading);

    equal(encodedIn(fake) - before, 3);
    ok(texts.every((text) => text.match(/StepCompleted/g)?.length === 3));
  });
}

Deno.test("large turns that wait for a slow client of the live feed are bounded by size", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const reader = new Reader(await fake.ask("GET /v1/events"));
  await fake.runtime.settle();

  for (let count = 0; count < 40; count++) commitLarge(fake, id);
  await reader.next();

  const sizes: number[] = [];
  let chunk = await reader.next() ?? "";
  for (; chunk.startsWith("data: "); chunk = await reader.next() ?? "") sizes.push(chunk.length);
  ok(sizes.reduce((sum, size) => sum + size, 0) <= FEED_BYTES_MAX, `${sizes}`);
  equal(chunk, `event: lost\ndata: {"turns":${40 - sizes.length}}\n\n`);
  await reader.leave();
});

Deno.test("the bytes that wait for all clients are bounded: the slowest stream is ended", async () => {
  const memory = new StreamMemory();
  const sent: { end(): void; isHome: boolean }[] = [];
  const sending: Promise<unknown>[] = [];
  for (let count = 0; count < 200; count++) {
    const taken = Promise.withResolvers<void>();
    const one = { isHome: false, end: () => taken.reject(one.isHome = true) };
    sent.push(one);
    const bytes = new Uint8Array(1024 * 1024);
    sending.push(memory.whileSent(bytes, () => taken.promise, one.end).catch(() => {}));
    await Promise.resolve().then(() => {}).then(() => {});
    ok(memory.size <= STREAMS_BYTES_MAX + bytes.length);
  }

  const home = sent.filter(({ isHome }) => isHome);
  deepEqual(home, sent.slice(0, 200 - STREAMS_BYTES_MAX / 1024 / 1024), "the first of them");
  for (const { end } of sent) end();
  await Promise.all(sending);
  equal(memory.size, 0);
});

Deno.test("a stream that is ended by the server fails at its client", async () => {
  const runtime = new VirtualRuntime();
  const memory = new StreamMemory();
  const open = (size: number) =>
    eventStream({
      runtime,
      memory,
      signal: new AbortController().signal,
      run: (send) => send(new Uint8Array(size)),
      done: () => {},
    });
  const first = open(STREAMS_BYTES_MAX).getReader();
  await first.read();
  await runtime.settle();

  const second = open(1).getReader();
  await second.read();
  await runtime.settle();

  await rejects(first.read());
  equal((await second.read()).value?.length, 1);
});

Deno.test("bytes that wait for several clients count once, until the last has read them", () => {
  const memory = new StreamMemory();
  const bytes = new Uint8Array(100);
  for (let count = 0; count < 3; count++) memory.hold(bytes);
  memory.hold(new Uint8Array(7));

  equal(memory.size, 107);
  for (let count = 0; count < 3; count++) memory.release(bytes);
  equal(memory.size, 7);
});
