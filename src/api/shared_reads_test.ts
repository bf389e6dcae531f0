import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { Caller } from "./access.ts";
import { TICK_MS } from "./changes.ts";
import { SHARED_MS, SHARED_SIZE_MAX, SharedReads } from "./shared_reads.ts";

/** Asks for the list of tasks, as pages do unless `headers` say another. */
async function idsOf(
  fake: FakeApi,
  { line = "GET /v1/tasks", key, headers = { "cache-control": "max-age=1" } }: {
    readonly line?: string;
    readonly key?: string;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<readonly string[]> {
  const options = { headers, ...(key !== undefined && { key }) };
  const { tasks } = await fake.json<{ tasks: readonly { id: string }[] }>(line, options);
  return tasks.map(({ id }) => id);
}

Deno.test("callers with the same rights share an answer of the last second, if they accept that", async () => {
  const fake = fakeApi();
  const [key, other] = [fake.key(["read"], ["orders"]), fake.key(["read"], ["orders"])];
  const first = await idsOf(fake, { key });
  await fake.started();

  const shared = await idsOf(fake, { key: other });
  const limited = await idsOf(fake, { key, line: "GET /v1/tasks?limit=7" });
  const foreign = await idsOf(fake, { key: fake.key(["read"], ["orders", "billing"]) });
  const exact = await idsOf(fake, { key, headers: {} });
  await fake.runtime.advance(SHARED_MS);
  const later = await idsOf(fake, { key });

  deepEqual([first.length, shared.length], [0, 0]);
  deepEqual([limited, foreign, exact, later].map(({ length }) => length), [1, 1, 1, 1]);
});

Deno.test("rights of a caller are not given to another by a shared answer", async () => {
  const fake = fakeApi();
  await fake.started();
  await idsOf(fake, { key: fake.key(["read"], ["orders"]) });

  const foreign = await idsOf(fake, { key: fake.key(["read"], ["billing"]) });
  const headers = { "cache-control": "max-age=1" };
  const refused = await fake.ask("GET /v1/tasks", { key: fake.key(["bus"], ["orders"]), headers });

  deepEqual([foreign, refused.status], [[], 403]);
});

Deno.test("a caller is not given what was read before its own last write", async () => {
  const fake = fakeApi();
  const [key, other] = [fake.key(), fake.key()];
  await idsOf(fake, { key });
  const id = await fake.started({ key });

  const own = await idsOf(fake, { key });
  const others = await idsOf(fake, { key: other });

  deepEqual([own, others], [[id], [id]]);
});

Deno.test("a page that reads again because of changes sees them", async () => {
  const fake = fakeApi();
  const stream = await fake.ask("GET /v1/changes");
  const reader = stream.body!.getReader();
  await reader.read();
  await fake.runtime.advance(TICK_MS - 1);
  await idsOf(fake);
  const id = await fake.started({ key: fake.key() });
  const before = await idsOf(fake);

  await fake.runtime.advance(1);
  await reader.read();
  const after = await idsOf(fake);

  deepEqual([before, after], [[], [id]]);
  await reader.cancel();
});

Deno.test("reads that fail are not kept, and what is kept is bounded by size", async () => {
  const reads = new SharedReads(new VirtualRuntime());
  const fake = fakeApi();
  fake.key();
  const caller = new Caller(fake.keyRows[0]!);
  const body = "x".repeat(1024 * 1024);

  await rejects(reads.once("t", caller, () => Promise.reject(new Error("away"))), /away/);
  const again = await reads.once("t", caller, () => Promise.resolve({ status: 200, body: 1 }));
  for (let target = 0; target < 40; target++) {
    await reads.once(`${target}`, caller, () => Promise.resolve({ status: 200, body }));
  }

  equal(again.body, "1");
  ok(reads.size <= SHARED_SIZE_MAX && reads.size > SHARED_SIZE_MAX / 2);
  for (let target = 0; target < 40; target++) {
    await reads.once(`${target}${body}`, caller, () => Promise.resolve({ status: 200, body: 1 }));
  }
  ok(reads.size <= SHARED_SIZE_MAX && reads.size > SHARED_SIZE_MAX / 2, "long addresses count");
  reads.forget();
  equal(reads.size, 0);
});
