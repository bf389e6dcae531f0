/** Policies over HTTP. */

import { deepEqual, equal } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";

Deno.test("PUT policy adds a version that GET shows with author and reason", async () => {
  const fake = fakeApi();
  const steps = {
    validate: { retry: { attemptsMax: 9, backoff: [1_000, 5_000] } },
    "*": { timeoutMs: 1 },
  };

  const put = await fake.ask("PUT /v1/policies/orders/process", {
    body: { by: "ann", reason: "slower gateway", steps },
  });
  const { versions } = await fake.json<{ versions: unknown[] }>("GET /v1/policies/orders/process");

  equal(put.status, 200);
  deepEqual(versions, [
    {
      version: 1,
      by: `ann (key ${fake.keyRows[0]?.id})`,
      reason: "slower gateway",
      at: "2026-01-01T00:00:00.000Z",
      steps,
    },
  ]);
});

Deno.test("PUT policy refuses steps that no version has", async () => {
  const response = await fakeApi().ask("PUT /v1/policies/orders/process", {
    body: { reason: "typo", steps: { valdiate: {} } },
  });

  equal(response.status, 422);
  const { code, errors } = await response.json();
  deepEqual([code, errors[0].path], ["policy.invalid", "steps.valdiate"]);
});

Deno.test("PUT policy refuses fields without meaning for the step, and contradicting delays", async () => {
  const response = await fakeApi().ask("PUT /v1/policies/orders/process", {
    body: {
      reason: "wrong",
      steps: {
        approval: { timeoutMs: 60_000, heartbeatMs: 1_000 },
        validate: { retry: { delayMsMin: 9_000 } },
        "*": { retry: { delayMsMax: 5_000 } },
      },
    },
  });

  equal(response.status, 422);
  const { code, errors } = await response.json();
  const paths = errors.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`);
  deepEqual([code, ...paths], [
    "policy.invalid",
    "steps.approval.heartbeatMs not_tunable",
    "steps.validate.retry.delayMsMax contradiction",
  ]);
});

Deno.test("PUT policy under one Idempotency-Key adds one version", async () => {
  const fake = fakeApi();
  const headers = { "idempotency-key": "p1" };
  const body = { reason: "once", steps: {} };

  const answers = await Promise.all(
    [1, 2, 3].map(() => fake.json("PUT /v1/policies/orders/process", { headers, body })),
  );
  const other = await fake.ask("PUT /v1/policies/orders/process", {
    headers,
    body: { ...body, reason: "twice" },
  });

  deepEqual(answers.map((answer) => answer.version), [1, 1, 1]);
  equal((await other.json()).code, "api.key_reused");
});

Deno.test("PUT policy refuses a change that is based on another version", async () => {
  const fake = fakeApi();
  const put = (expectedVersion: number) =>
    fake.ask("PUT /v1/policies/orders/process", {
      body: { reason: "slower", steps: {}, expectedVersion },
    });

  equal((await put(0)).status, 200);
  const lost = await put(0);

  deepEqual([lost.status, (await lost.json()).code], [409, "policy.conflict"]);
  equal((await put(1)).status, 200);
});

Deno.test("PUT limits of a system adds a version of its limits, which GET shows", async () => {
  const fake = fakeApi();
  const limits = { "*": { concurrencyMax: 20 }, "payment.charge": { ratePerS: 2.5, burst: 5 } };

  const put = await fake.ask("PUT /v1/systems/bank/limits", {
    body: { by: "ann", reason: "their new plan", limits },
  });
  const { versions, shares } = await fake.json<{ versions: unknown[]; shares: unknown[] }>(
    "GET /v1/systems/bank/limits",
  );

  equal(put.status, 200);
  deepEqual(versions, [{
    version: 1,
    by: `ann (key ${fake.keyRows[0]?.id})`,
    reason: "their new plan",
    at: "2026-01-01T00:00:00.000Z",
    limits,
  }]);
  deepEqual(shares, []);
});

Deno.test("PUT limits of a system refuses a limit that says nothing", async () => {
  const bodies = [
    { "*": { burst: 5 } },
    { "*": { concurrencyMax: 0 } },
    { "*": { ratePerS: 0 } },
    { "Charge it": {} },
    { "*": { concurrency: 5 } },
  ];
  for (const limits of bodies) {
    const response = await fakeApi().ask("PUT /v1/systems/bank/limits", {
      body: { reason: "wrong", limits },
    });
    equal(response.status, 400, JSON.stringify(limits));
  }
});
