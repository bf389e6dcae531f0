import { deepEqual, equal } from "node:assert/strict";
import type { JsonText } from "../core/payload.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { VALUES_SIZE_MAX } from "./task_reader.ts";

const BODY = { workflow: "orders/process", input: 1 };

Deno.test("a task shows as many results as fit, and how large the others are", async () => {
  const fake = fakeApi();
  const { id } = await (await fake.ask("POST /v1/tasks", { body: BODY })).json();
  const base = { atMs: fake.runtime.now(), attempt: 1 };
  const sizes = [VALUES_SIZE_MAX / 2, VALUES_SIZE_MAX, VALUES_SIZE_MAX / 4];
  sizes.forEach((size, step) => {
    const result = JSON.stringify("x".repeat(size - 2)) as JsonText;
    fake.engine.commit(
      id,
      { ...base, kind: "StepStarted", step, waitedMs: 0, policyVersion: 0 },
      { ...base, kind: "StepCompleted", step, ranMs: 1, result },
    );
  });

  const { steps, state } = await (await fake.ask(`GET /v1/tasks/${id}`)).json();

  deepEqual(
    steps.map(({ state, result, leftOut }: Record<string, string>) => [
      state,
      result?.length,
      leftOut,
    ]),
    [
      ["completed", sizes[0] as number - 2, undefined],
      ["completed", undefined, sizes[1]],
      ["completed", sizes[2] as number - 2, undefined],
    ],
  );
  equal(state, "running");
});

Deno.test("an error too large to show keeps its class, and a later result is shown", async () => {
  const fake = fakeApi();
  const { id } = await (await fake.ask("POST /v1/tasks", { body: BODY })).json();
  const base = { atMs: fake.runtime.now(), step: 0, policyVersion: 0 };
  const error = JSON.stringify("x".repeat(VALUES_SIZE_MAX)) as JsonText;
  const failure = { class: "failed", error } as const;
  fake.engine.commit(
    id,
    { ...base, kind: "StepStarted", attempt: 1, waitedMs: 0 },
    {
      ...base,
      kind: "StepAttemptFailed",
      attempt: 1,
      ranMs: 1,
      failure,
      nextAttemptAtMs: base.atMs,
    },
  );
  const failing = (await (await fake.ask(`GET /v1/tasks/${id}`)).json()).steps[0];
  fake.engine.commit(
    id,
    { ...base, kind: "StepStarted", attempt: 2, waitedMs: 0 },
    { ...base, kind: "StepCompleted", attempt: 2, ranMs: 1, result: "7" as JsonText },
  );
  const completed = (await (await fake.ask(`GET /v1/tasks/${id}`)).json()).steps[0];

  deepEqual([failing.error, failing.errorClass], [undefined, "failed"]);
  equal(failing.leftOut, error.length);
  deepEqual([completed.result, completed.leftOut], [7, undefined]);
});
