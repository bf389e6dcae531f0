import { deepEqual, equal } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { encodePayload } from "../core/payload.ts";

/** A task whose first step has completed. */
async function withTask() {
  const fake = fakeApi();
  const id = await fake.started();
  const atMs = fake.engine.runtime.now();
  const result = encodePayload({ ok: true }, "it");
  fake.engine.commit(id, { kind: "StepCompleted", atMs, step: 0, attempt: 1, ranMs: 1, result });
  return { fake, id };
}

Deno.test("a dry run says what a fork would keep and run, and starts nothing", async () => {
  const { fake, id } = await withTask();

  const answer = await fake.json(`POST /v1/tasks/${id}/steps/reserve/fork`, {
    body: { dryRun: true },
  });

  deepEqual(answer, {
    version: "1.0.0",
    keeps: ["validate"],
    runs: [
      { step: "reserve", before: "pending", attempts: 0 },
      { step: "approval", before: "pending", attempts: 0 },
    ],
  });
  const { tasks } = await fake.json<{ tasks: unknown[] }>("GET /v1/tasks");
  equal(tasks.length, 1);
});

Deno.test("a fork needs the scope operate, and a task that the key may see", async () => {
  const { fake, id } = await withTask();
  const statusOf = async (key: string) =>
    (await fake.ask(`POST /v1/tasks/${id}/steps/reserve/fork`, { key })).status;

  equal(await statusOf(fake.key(["read", "write"])), 403);
  equal(await statusOf(fake.key(["operate"], ["billing"])), 404);
  equal(await statusOf(fake.key(["operate"])), 201);
});
