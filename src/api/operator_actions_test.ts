import { deepEqual, equal, notEqual } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";

Deno.test("each operation sends its command with who asked and why", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const hand = { by: "ann", reason: "because" };

  await fake.ask(`POST /v1/tasks/${id}/cancel`, { body: hand });
  await fake.ask(`POST /v1/tasks/${id}/pause`, { body: hand });
  await fake.ask(`POST /v1/tasks/${id}/resume`);
  await fake.ask(`POST /v1/tasks/${id}/signals/approval`, { body: { by: "x" } });
  await fake.ask(`POST /v1/tasks/${id}/signals/approval`);
  await fake.ask(`POST /v1/tasks/${id}/steps/validate/retry`, { body: hand });
  await fake.ask(`POST /v1/tasks/${id}/steps/validate/resolve`, {
    body: { ...hand, result: { a: 1 } },
  });
  await fake.ask(`POST /v1/tasks/${id}/steps/validate/skip`, { body: hand });
  await fake.ask(`POST /v1/tasks/${id}/steps/validate/skip`, { body: { ...hand, result: null } });

  const sent = fake.engine.commands.map(({ commandId: _c, taskId: _t, ...rest }) => rest);
  const key = `(key ${fake.keyRows[0]?.id})`;
  const signed = { ...hand, by: `ann ${key}` };
  deepEqual(sent, [
    { kind: "CancelTask", ...signed },
    { kind: "PauseTask", ...signed },
    { kind: "ResumeTask", by: `tester ${key}`, reason: "" },
    { kind: "SendSignal", name: "approval", payload: '{"by":"x"}' },
    { kind: "SendSignal", name: "approval", payload: "null" },
    { kind: "RetryStep", ...signed, step: "validate" },
    { kind: "ResolveStep", ...signed, step: "validate", result: '{"a":1}' },
    { kind: "SkipStep", ...signed, step: "validate" },
    { kind: "SkipStep", ...signed, step: "validate", result: "null" },
  ]);
});

Deno.test("an accepted command answers 202 with the turn in which it was decided", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  const response = await fake.ask(`POST /v1/tasks/${id}/cancel`);

  equal(response.status, 202);
  deepEqual(await response.json(), { id, turn: 1, changed: true });
});

Deno.test("a repeat under the same Idempotency-Key carries the same command id", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const headers = { "idempotency-key": "once" };

  const first = await fake.json(`POST /v1/tasks/${id}/cancel`, { headers });
  const second = await fake.json(`POST /v1/tasks/${id}/cancel`, { headers });

  deepEqual([first.changed, second.changed], [true, false]);
  const [one, other] = fake.engine.commands;
  equal(one?.commandId, other?.commandId);
});

Deno.test("one Idempotency-Key on two tasks, verbs or keys gives two command ids", async () => {
  const fake = fakeApi();
  const [id, other] = [await fake.started(), await fake.started()];
  const headers = { "idempotency-key": "once" };

  await fake.ask(`POST /v1/tasks/${id}/cancel`, { headers });
  await fake.ask(`POST /v1/tasks/${other}/cancel`, { headers });
  await fake.ask(`POST /v1/tasks/${id}/pause`, { headers });
  await fake.ask(`POST /v1/tasks/${id}/cancel`, { headers, key: fake.key() });

  equal(new Set(fake.engine.commands.map(({ commandId }) => commandId)).size, 4);
});

Deno.test("without an Idempotency-Key every request is a new command", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  await fake.ask(`POST /v1/tasks/${id}/cancel`);
  await fake.ask(`POST /v1/tasks/${id}/cancel`);

  const [one, other] = fake.engine.commands;
  notEqual(one?.commandId, other?.commandId);
});

Deno.test("an Idempotency-Key that is too long or holds spaces is refused", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  for (const key of ["a b", "x".repeat(201)]) {
    const response = await fake.ask(`POST /v1/tasks/${id}/cancel`, {
      headers: { "idempotency-key": key },
    });
    equal(response.status, 400);
  }
});

Deno.test("resolving a step without a result is refused", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  const problem = await fake.json<{ errors: { path: string }[] }>(
    `POST /v1/tasks/${id}/steps/validate/resolve`,
    { body: { reason: "because" } },
  );

  deepEqual(problem.errors.map(({ path }) => path), ["result"]);
});

Deno.test("a command that the task refuses answers a problem with faults", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const faults = [{ path: "sku", code: "invalid_type", detail: "expected string" }];
  fake.engine.refusal = new TaskerError("contract.violation", "Cannot take it", { faults });

  const response = await fake.ask(`POST /v1/tasks/${id}/steps/validate/resolve`, {
    body: { result: 1 },
  });

  equal(response.status, 422);
  const { code, errors } = await response.json();
  deepEqual([code, errors], ["contract.violation", faults]);
});

Deno.test("a payload with U+0000 is refused before it reaches the task", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  const problem = await fake.json(`POST /v1/tasks/${id}/signals/approval`, {
    body: { a: "\u0000" },
  });

  equal(problem.code, "journal.poison");
  deepEqual(fake.engine.commands, []);
});
