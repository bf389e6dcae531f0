import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { KeyRow } from "../core/ports.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { Caller, NOBODY } from "./access.ts";
import {
  CONNECTIONS_MAX,
  KEY_CHECK_MS,
  type OpenConnection,
  OpenConnections,
} from "./open_connections.ts";

function callerOf(id: string): Caller {
  return new Caller({ ...NOBODY.key, id });
}

function open(): OpenConnections {
  const sessions = { living: () => Promise.resolve(new Set<string>()) };
  const count = new Metrics().gauge("tasker_http_waiting");
  return new OpenConnections({ runtime: new VirtualRuntime(), sessions, count });
}

Deno.test("one key cannot take all connections from the others", () => {
  const connections = open();
  const { signal } = new AbortController();
  const enter = (id: string): OpenConnection => connections.open(signal, callerOf(id));
  const greedy = Array.from({ length: CONNECTIONS_MAX }, () => enter("greedy"));

  throws(() => enter("greedy"), { code: "api.busy" });
  const modest = Array.from({ length: CONNECTIONS_MAX / 2 }, () => enter("modest"));
  throws(() => enter("modest"), { code: "api.busy" });

  equal(greedy.filter((one) => one.signal.aborted).length, CONNECTIONS_MAX / 2);
  ok(greedy[0]?.signal.aborted, "the oldest goes first");
  ok(modest.every((one) => !one.signal.aborted));
  for (const one of greedy) one.release();
  const third = Array.from({ length: CONNECTIONS_MAX / 2 }, () => enter("third"));
  ok(third.every((one) => !one.signal.aborted));
});

Deno.test("streams and long polls end when their key is removed", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const key = fake.key(["read"]);
  const removed = fake.keyRows.at(-1)?.id;
  const stream = await fake.ask("GET /v1/events", { key });
  const poll = fake.ask(`GET /v1/tasks/${id}?waitMs=60000`, { key });
  await fake.runtime.settle();

  equal((await fake.ask(`DELETE /v1/keys/${removed}`)).status, 204);

  await stream.text();
  equal((await poll).status, 200);
  equal(fake.engine.watchers, 0);
});

Deno.test("streams end when their key expires, or another node removes it", async () => {
  const fake = fakeApi();
  const streams = [];
  for (const change of ["expire", "remove", "keep"]) {
    const key = fake.key(["read"]);
    const at = fake.keyRows.length - 1;
    const row = fake.keyRows[at] as KeyRow;
    if (change === "expire") {
      fake.keyRows[at] = { ...row, expiresAtMs: fake.runtime.now() + 1_000 };
    }
    streams.push(await fake.ask("GET /v1/events", { key }));
    if (change === "remove") fake.keyRows.splice(at, 1);
  }
  await fake.runtime.settle();
  equal(fake.engine.watchers > 0, true);

  const ends = streams.map((stream) => stream.text());
  await fake.runtime.advance(KEY_CHECK_MS);

  await Promise.all(ends.slice(0, 2));
  const still = await Promise.race([ends[2], fake.runtime.settle().then(() => "open")]);
  equal(still, "open");
  fake.api.close();
  await ends[2];
});

Deno.test("HEAD opens no stream and waits for nothing", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  const answers = await Promise.all([
    fake.ask("HEAD /v1/events"),
    fake.ask(`HEAD /v1/tasks/${id}/events`),
    fake.ask(`HEAD /v1/tasks/${id}?waitMs=60000`),
  ]);

  deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  ok(answers[0].headers.get("content-type")?.startsWith("text/event-stream"));
  equal(fake.deps.metrics.gauge("tasker_http_waiting").value ?? 0, 0);
  equal(fake.engine.watchers, 0);
});
