/** Policies over HTTP. */

import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { LEVER_MS_MAX } from "../core/policy.ts";
import { inputSchemaOf, type Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";

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

Deno.test("PUT policy with a canary shows the share that tries it, and refuses one on top", async () => {
  const fake = fakeApi();
  const put = (body: object) =>
    fake.ask("PUT /v1/policies/orders/process", { body: { reason: "slower", ...body } });
  const steps = { validate: { timeoutMs: 9_000 } };

  const tried = await (await put({ steps, canary: { percent: 10, salt: "s" } })).json();
  const onTop = await put({ steps, canary: { percent: 20 } });
  const forAll = await (await put({ steps })).json();

  deepEqual(tried.canary, { percent: 10, salt: "s", base: 0 });
  deepEqual([onTop.status, (await onTop.json()).code], [409, "policy.conflict"]);
  deepEqual([forAll.version, forAll.canary], [2, undefined]);
});

Deno.test("PUT policy refuses to let a share of the tasks try a limit that all have together", async () => {
  const response = await fakeApi().ask("PUT /v1/policies/orders/process", {
    body: {
      reason: "less",
      steps: { validate: { concurrencyMax: 5 } },
      canary: { percent: 10 },
    },
  });

  equal(response.status, 422);
  const { errors } = await response.json();
  deepEqual(errors.map(({ path, code }: { path: string; code: string }) => [path, code]), [
    ["steps.validate.concurrencyMax", "not_dividable"],
  ]);
});

Deno.test("PUT limits of a system adds a version of its limits, which GET shows", async () => {
  const fake = fakeApi();
  const limits = { "*": { concurrencyMax: 20 } };

  const put = await fake.ask("PUT /v1/systems/inventory/limits", {
    body: { by: "ann", reason: "their new plan", limits },
  });
  const { versions, shares } = await fake.json<{ versions: unknown[]; shares: unknown[] }>(
    "GET /v1/systems/inventory/limits",
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
    { "inventory.check": { holdUntilMs: 1 } },
    { "inventory.check": { circuit: { openUntilMs: 1 } } },
    { "*": { circuit: { slowShare: 0.5 } } },
    { "*": { circuit: { failureShare: 2 } } },
  ];
  for (const limits of bodies) {
    const response = await fakeApi().ask("PUT /v1/systems/inventory/limits", {
      body: { reason: "wrong", limits },
    });
    equal(response.status, 400, JSON.stringify(limits));
  }
});

Deno.test("limits of a system that nobody knows are refused, and so is a capability that nobody asks for", async () => {
  const fake = apiOfBank();
  const put = async (system: string, limits: object) => {
    const answer = await fake.ask(`PUT /v1/systems/${system}/limits`, {
      body: { reason: "their plan", limits },
    });
    const { code, detail } = await answer.json();
    return [answer.status, code, detail];
  };

  deepEqual(await put("bnak", {}), [
    404,
    "system.not_found",
    'Cannot find system "bnak", did you mean "bank"?',
  ]);
  equal((await fake.ask("GET /v1/systems/bnak/limits")).status, 404);
  deepEqual(await put("bank", { "user.crate": { concurrencyMax: 1 } }), [
    422,
    "policy.invalid",
    'Cannot accept the limits: no workflow asks bank for "user.crate", did you mean "user.create"?',
  ]);
  equal((await put("bank", { "user.create": { ratePerS: 2.5, burst: 5 } }))[0], 200);
});

Deno.test("a hold has to end within a week, and one that is over already is taken", async () => {
  const fake = apiOfBank();
  const put = async (whole: object) =>
    (await fake.ask("PUT /v1/systems/bank/limits", {
      body: { reason: "their plan", limits: { "*": whole } },
    })).status;
  const nowMs = fake.runtime.now();

  const statuses = [
    await put({ holdUntilMs: nowMs + LEVER_MS_MAX }),
    await put({ holdUntilMs: nowMs + LEVER_MS_MAX + 1 }),
    await put({ circuit: { openUntilMs: nowMs + LEVER_MS_MAX + 1 } }),
    await put({ holdUntilMs: 1 }),
  ];

  deepEqual(statuses, [200, 422, 422, 200]);
});

Deno.test("a limit with an unknown field is refused with those that there are", () => {
  const { error } = z.safeParse(
    inputSchemaOf(OPERATIONS.putSystemLimits as unknown as Operation),
    { name: "bank", reason: "r", limits: { "*": { concurrency: 5 } } },
  );

  equal(
    error?.issues[0]?.message,
    "unknown concurrency, expected concurrencyMax, ratePerS, burst, holdUntilMs, ejected or circuit",
  );
});

/** A workflow asks "bank" for "user.create". */
function apiOfBank() {
  const { deps } = fakeApi();
  const definition = definitionOf([{
    name: "a",
    kind: "remote",
    owner: "bank",
    event: "user.create",
  }]);
  const list = () => Promise.resolve([{ hash: "h", definition }]);
  return fakeApi({ definitions: { ...deps.definitions, list } });
}

Deno.test("a step is switched only by its name, and to a system that is known and can run it", async () => {
  const { deps } = fakeApi();
  const remote = { kind: "remote", owner: "west", event: "stock.check" } as const;
  const definition = definitionOf([
    { ...remote, name: "asks", capability: { name: "stock.check" } },
    { ...remote, name: "sends" },
    { name: "local" },
  ], { namespace: "orders", name: "process" });
  const list = () => Promise.resolve([{ hash: "h", definition }]);
  const fake = fakeApi({ definitions: { ...deps.definitions, list } });
  const put = async (steps: object) => {
    const answer = await fake.ask("PUT /v1/policies/orders/process", {
      body: { reason: "west is slow", steps },
    });
    const { errors = [] } = await answer.json();
    return [
      answer.status,
      ...errors.map(({ path, code }: Record<string, string>) => `${path} ${code}`),
    ];
  };
  const [known] = (await deps.systems()).map(({ name }) => name);

  deepEqual(await put({ asks: { system: known } }), [200]);
  deepEqual(await put({ asks: { system: "esat" } }), [422, "steps.asks.system unknown_system"]);
  deepEqual(await put({ sends: { system: known } }), [422, "steps.sends.system not_tunable"]);
  deepEqual(await put({ local: { system: known } }), [422, "steps.local.system not_tunable"]);
  deepEqual(await put({ "*": { system: known } }), [422, "steps.*.system not_tunable"]);
});

Deno.test("at most a quarter of a system's instances may be ejected, and only those that are known", async () => {
  const { deps } = fakeApi();
  const definition = definitionOf([{ name: "a", kind: "remote", owner: "bank", event: "pay" }]);
  const list = () => Promise.resolve([{ hash: "h", definition }]);
  let count = 4;
  const row = (at: number, state: "healthy" | "gone" = "healthy") => ({
    system: "bank",
    instance: `i${at}`,
    version: "1.0.0",
    state,
    isDeclared: false,
    namespaces: [],
    capabilities: [],
    detail: "",
    sinceMs: 0,
    expiresAtMs: 0,
  });
  const instancesOf = () =>
    Promise.resolve([...Array.from({ length: count }, (_, at) => row(at)), row(99, "gone")]);
  const fake = fakeApi({ definitions: { ...deps.definitions, list }, instancesOf });
  const inMs = fake.runtime.now() + 60_000;
  const put = async (ejected: object) => {
    const answer = await fake.ask("PUT /v1/systems/bank/limits", {
      body: { reason: "it fails", limits: { "*": { ejected } } },
    });
    const { errors = [] } = await answer.json();
    return [answer.status, ...errors.map(({ code }: Record<string, string>) => code)];
  };

  deepEqual(await put({ i0: inMs }), [200]);
  deepEqual(await put({ i0: inMs, i1: inMs }), [422, "too_many"]);
  deepEqual(await put({ i0: 1, i1: inMs }), [200]); // the first is over
  deepEqual(await put({ i77: inMs }), [422, "unknown_instance"]);
  deepEqual(await put({ i0: inMs + 7 * 86_400_000 }), [422, "too_far"]);
  count = 3;
  deepEqual(await put({ i0: inMs }), [422, "too_many"]);
});
