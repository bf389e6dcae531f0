import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import type { ApiAnswer } from "./handler.ts";
import { ANSWER_KEPT_MS, ANSWERS_SIZE_MAX, IdempotencyCache } from "./idempotency_cache.ts";

/** A cache, and writes that count how often they are done. */
function open() {
  const runtime = new VirtualRuntime();
  const cache = new IdempotencyCache(runtime);
  let writes = 0;
  const write = (body: unknown = null) => (): Promise<ApiAnswer> => {
    writes++;
    return Promise.resolve({ status: 200, body });
  };
  return { runtime, cache, write, writes: () => writes };
}

Deno.test("a write is done once for each key while its answer is kept", async () => {
  const { runtime, cache, write, writes } = open();

  const together = await Promise.all([
    cache.once("k", "b", write(1)),
    cache.once("k", "b", write(2)),
  ]);
  await runtime.advance(ANSWER_KEPT_MS);
  const later = await cache.once("k", "b", write(3));

  deepEqual([...together, later].map(({ body }) => body), [1, 1, 3]);
  equal(writes(), 2);
});

Deno.test("a write that failed is done again", async () => {
  const { cache, write } = open();

  await rejects(cache.once("k", "b", () => Promise.reject(new Error("refused"))), /refused/);

  equal((await cache.once("k", "b", write(1))).body, 1);
});

Deno.test("answers that are kept are bounded by size, and the oldest is dropped first", async () => {
  const { cache, write, writes } = open();
  const large = "x".repeat(1024 * 1024);

  for (let key = 0; key < 40; key++) await cache.once(`${key}`, "b", write(large));
  await cache.once("39", "b", write());
  equal(writes(), 40);
  await cache.once("0", "b", write());

  equal(writes(), 41);
  ok(cache.size <= ANSWERS_SIZE_MAX && cache.size > ANSWERS_SIZE_MAX / 2);
});
