import { deepEqual, equal, ok } from "node:assert/strict";
import type { JsonText } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { STEPS_AT_ONCE, VALUES_SIZE_MAX } from "./task_reader.ts";

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

/** Starts a task of `count` steps that have not begun. */
async function startedWide(fake: FakeApi, count: number): Promise<string> {
  const [orders] = fake.engine.plans as [Plan];
  const [step] = orders.definition.steps as [StepDefinition];
  const steps = Array.from({ length: count }, (_, at) => ({ ...step, name: `step_${at}` }));
  const wide = planOf("wide", { ...orders.definition, name: "wide", steps });
  (fake.engine.plans as Plan[]).push(wide);
  const response = await fake.ask("POST /v1/tasks", { body: { ...BODY, workflow: "orders/wide" } });
  const { id } = await response.json();
  equal(response.headers.get("location"), `/v1/tasks/${id}`);
  return id;
}

Deno.test("a task of many steps comes whole, in pieces between which others are served", async () => {
  const fake = fakeApi();
  const id = await startedWide(fake, 10 * STEPS_AT_ONCE);

  const response = await fake.ask(`GET /v1/tasks/${id}`);
  const pieces: string[] = [];
  const decoder = new TextDecoder();
  for await (const piece of response.body as ReadableStream<Uint8Array>) {
    pieces.push(decoder.decode(piece));
    if (pieces.length === 1) equal((await fake.ask("GET /v1/systems")).status, 200);
  }

  const { steps, state } = JSON.parse(pieces.join(""));
  equal(response.headers.get("content-type"), "application/json");
  equal(state, "running");
  deepEqual([steps.length, steps.at(-1).name], [10 * STEPS_AT_ONCE, `step_${steps.length - 1}`]);
  ok(pieces.length > 10, String(pieces.length));
  ok(pieces.every(({ length }) => length < 100_000));
});

Deno.test("a task of few steps and large results is not made at once either", async () => {
  const fake = fakeApi();
  const { id } = await (await fake.ask("POST /v1/tasks", { body: BODY })).json();
  const base = { atMs: fake.runtime.now(), attempt: 1 };
  const result = JSON.stringify("x".repeat(200_000)) as JsonText;
  for (const step of [0, 1]) {
    fake.engine.commit(
      id,
      { ...base, kind: "StepStarted", step, waitedMs: 0, policyVersion: 0 },
      { ...base, kind: "StepCompleted", step, ranMs: 1, result },
    );
  }

  const response = await fake.ask(`GET /v1/tasks/${id}`);
  const pieces = await Array.fromAsync(response.body as ReadableStream<Uint8Array>);
  const { steps } = await (await fake.ask(`GET /v1/tasks/${id}`)).json();

  equal(pieces.length, 3);
  deepEqual(
    steps.map(({ result }: { result?: string }) => result?.length),
    [200_000, 200_000, undefined],
  );
});

Deno.test("a client that leaves a large task in the middle ends its stream", async () => {
  const fake = fakeApi();
  const id = await startedWide(fake, 2 * STEPS_AT_ONCE);
  const response = await fake.ask(`GET /v1/tasks/${id}`);

  await response.body?.cancel();

  equal((await fake.ask(`HEAD /v1/tasks/${id}`)).status, 200);
});
