/** Workflows, systems, policies, keys, dead letters, the bus and health. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { deadLetterOf } from "../../tests/support/fake_dead_letters.ts";
import { firstKeyLine, makeFirstKey } from "./api_key.ts";
import { CHECK_MS_MAX } from "./node.ts";

Deno.test("versions are listed in the order in which a start chooses", async () => {
  const plain = fakeApi();
  const [stored] = await plain.deps.definitions.list();
  ok(stored !== undefined);
  const versions = ["1.9.0", "1.0.0-rc.1", "1.10.0", "1.0.0", "1.0.0-alpha"];
  const list = () =>
    Promise.resolve(versions.map((version) => ({
      hash: version,
      definition: { ...stored.definition, version },
    })));
  const fake = fakeApi({ definitions: { ...plain.deps.definitions, list } });

  const { workflows } = await fake.json<{ workflows: { versions: string[] }[] }>(
    "GET /v1/workflows",
  );

  deepEqual(workflows.map(({ versions }) => versions), [
    ["1.10.0", "1.9.0", "1.0.0", "1.0.0-rc.1", "1.0.0-alpha"],
  ]);
});

Deno.test("a name that no workflow can have is refused", async () => {
  const { ask } = fakeApi();

  for (const name of ["Process", "a.b", "n".repeat(65)]) {
    equal((await ask(`GET /v1/workflows/orders/${name}`)).status, 400, name);
  }
});

Deno.test("GET /v1/workflows lists names, versions, and which file defines one", async () => {
  const { deps: { starts } } = fakeApi();
  const file = "workflows/orders.yaml";
  const fileOf = (name: string) => name === "orders/process" ? file : undefined;
  const fake = fakeApi({ starts: { ...starts, fileOf } });

  const { workflows } = await fake.json<{ workflows: unknown[] }>("GET /v1/workflows");

  deepEqual(workflows, [
    { namespace: "billing", name: "bill", versions: ["1.0.0"], steps: 3 },
    { namespace: "orders", name: "process", versions: ["1.0.0"], file, steps: 3 },
  ]);
});

Deno.test("GET /v1/workflows/{namespace}/{name} shows definition and graph", async () => {
  const { versions } = await fakeApi().json<{
    versions: { hash: string; definition: { steps: unknown[] }; edges: unknown[] }[];
  }>("GET /v1/workflows/orders/process");

  equal(versions[0]?.hash, "hash0");
  equal(versions[0]?.definition.steps.length, 3);
  deepEqual(versions[0]?.edges, [
    { from: "validate", to: "reserve", kind: "data" },
    { from: "validate", to: "approval", kind: "order" },
  ]);
});

Deno.test("a new key works, is shown once, and is listed without its secret", async () => {
  const fake = fakeApi();
  const body = { name: "reader", scopes: ["read"], namespaces: ["orders"] };

  const made = await fake.json<{ key: string; id: string }>("POST /v1/keys", { body });
  const list = await fake.ask("GET /v1/keys");

  equal((await fake.ask("GET /v1/tasks", { key: made.key })).status, 200);
  const text = await list.text();
  ok(text.includes(made.id) && !text.includes(made.key));
  ok(fake.keyRows.every((row) => row.hash !== made.key));
});

Deno.test("a key cannot make one that reaches further or lives longer", async () => {
  const fake = fakeApi();
  const expiresAt = new Date(fake.runtime.now() + 60_000).toISOString();
  const scopes = ["admin"];
  const { key } = await fake.json<{ key: string }>("POST /v1/keys", {
    body: { name: "tenant", scopes, namespaces: ["billing"], expiresAt },
  });

  const wide = await fake.ask("POST /v1/keys", {
    key,
    body: { name: "x", scopes, namespaces: ["*"] },
  });
  const long = await fake.json("POST /v1/keys", {
    key,
    body: { name: "y", scopes, namespaces: ["billing"], expiresAt: "2030-01-01T00:00:00Z" },
  });

  equal(wide.status, 403);
  equal(long.expiresAt, expiresAt);
});

Deno.test("a key for a namespace does not speak for the system of the same name", async () => {
  const fake = fakeApi();
  const tenant = fake.key(undefined, ["beta"]);
  const worker = fake.key(["bus"], [], ["beta"]);
  const lines = ["POST /v1/bus/beta/poll", "POST /v1/bus/beta/replies"] as const;
  const body = { specversion: "1.0", id: "1", source: "/beta", type: "t" };
  const statusesOf = async (key: string) => [
    (await fake.ask(lines[0], { key })).status,
    (await fake.ask(lines[1], { key, body })).status,
  ];

  deepEqual(await statusesOf(tenant), [403, 403]);
  deepEqual(await statusesOf(worker), [200, 202]);
  equal((await fake.ask("POST /v1/bus/billing/poll", { key: worker })).status, 403);
  const forged = { name: "x", scopes: ["bus"], systems: ["beta"] };
  equal((await fake.ask("POST /v1/keys", { key: tenant, body: forged })).status, 403);
});

Deno.test("a key with which nothing could be done is refused", async () => {
  const fake = fakeApi();
  const pathsOf = async (more: Record<string, unknown>) => {
    const { errors } = await fake.json<{ errors: { path: string }[] }>("POST /v1/keys", {
      body: { name: "x", ...more },
    });
    return errors.map(({ path }) => path);
  };

  deepEqual(await pathsOf({ scopes: ["bus"], namespaces: ["payments"] }), ["systems"]);
  deepEqual(await pathsOf({ scopes: ["read"], systems: ["payments"] }), ["namespaces"]);
  deepEqual(await pathsOf({ scopes: ["admin"] }), ["namespaces"]);
  deepEqual(await pathsOf({ scopes: ["read", "bus"] }), ["namespaces", "systems"]);
});

Deno.test("a tenant's admin cannot remove keys of others", async () => {
  const fake = fakeApi();
  const key = fake.key(["admin"], ["billing"]);

  const response = await fake.ask(`DELETE /v1/keys/${fake.keyRows[0]?.id}`, { key });

  equal((await response.json()).code, "key.not_found");
});

Deno.test("the first key is made once, also when several nodes start", async () => {
  const { deps, keyRows } = fakeApi();
  keyRows.length = 0;

  const first = await makeFirstKey(deps.keys, deps.runtime, undefined);
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const second = await makeFirstKey(deps.keys, deps.runtime, "given-by-the-environment", warn);
  await makeFirstKey(deps.keys, deps.runtime, first, warn);

  match(first ?? "", /^tasker_[0-9a-f]{64}$/);
  equal(second, undefined);
  equal(warnings.length, 1);
  match(warnings[0] ?? "", /^TASKER_ADMIN_KEY is ignored/);
  ok(!firstKeyLine("the-operators-own", "f", true).includes("the-operators-own"));
  deepEqual(keyRows.map((row) => row.hash), [deps.runtime.digest(first ?? "")]);
});

Deno.test("dead letters are listed, shown, replayed into their channel, and discarded", async () => {
  const fake = fakeApi();
  fake.letters.push(deadLetterOf("1", { body: "{1}" }), deadLetterOf("2"));

  const { letters } = await fake.json<{ letters: unknown[] }>("GET /v1/dead");
  const shown = await fake.json("GET /v1/dead/1");
  const replay = await fake.ask("POST /v1/dead/1/replay");
  const discard = await fake.ask("DELETE /v1/dead/2");
  const again = await fake.ask("DELETE /v1/dead/2");

  const { body, atMs: _, ...rest } = deadLetterOf("1", { body: "{1}" });
  const summary = { ...rest, at: "1970-01-01T00:00:00.000Z" };
  deepEqual(letters[0], summary);
  deepEqual(shown, { ...summary, body });
  deepEqual([replay.status, discard.status, again.status], [202, 204, 404]);
  deepEqual(fake.replayed.map(({ id }) => id), ["1"]);
  deepEqual(fake.letters, []);
});

Deno.test("dead letters of a system are replayed and discarded by number", async () => {
  const fake = fakeApi();
  const rubbish = deadLetterOf("b", { body: "rubbish" });
  fake.letters.push(deadLetterOf("a"), rubbish, deadLetterOf("c"), deadLetterOf("d"));
  fake.letters.push(deadLetterOf("e", { system: "y" }), deadLetterOf("f", { kind: "command" }));

  const replayed = await fake.json("POST /v1/systems/x/dead/replay", {
    body: { kind: "reply", count: 3 },
  });
  const discarded = await fake.json("POST /v1/systems/x/dead/discard", { body: { count: 9 } });

  deepEqual(replayed, { done: 2, refused: 1, isMore: true });
  deepEqual(fake.replayed.map(({ id }) => id), ["a", "c"]);
  deepEqual(discarded, { done: 3, refused: 0, isMore: false });
  deepEqual(fake.letters.map(({ id }) => id), ["e"]);
});

Deno.test("a key sees the dead letters of its systems, and no others", async () => {
  const fake = fakeApi();
  fake.letters.push(deadLetterOf("1"), deadLetterOf("2", { system: "y" }));
  const key = fake.key(["operate"], ["orders"], ["y"]);

  const { letters } = await fake.json<{ letters: { id: string }[] }>("GET /v1/dead", { key });
  const own = await fake.ask("GET /v1/dead/2", { key });
  const other = await fake.ask("GET /v1/dead/1", { key });
  const all = await fake.ask("GET /v1/dead?system=x", { key });
  const discard = await fake.ask("POST /v1/systems/x/dead/discard", {
    key,
    body: { count: 1 },
  });

  deepEqual(letters.map(({ id }) => id), ["2"]);
  deepEqual([own.status, other.status, all.status, discard.status], [200, 404, 403, 403]);
  equal(fake.letters.length, 2);
});

Deno.test("replies of a worker reach the bus one by one, sent alone or in a list", async () => {
  const fake = fakeApi();
  const envelope = {
    specversion: "1.0",
    id: "1",
    source: "/inventory",
    type: "tasker.step.completed",
    data: 1,
  };
  const key = fake.key(["bus"], [], ["inventory"]);

  const one = await fake.ask("POST /v1/bus/inventory/replies", { key, body: envelope });
  const two = await fake.json("POST /v1/bus/inventory/replies", {
    key,
    body: [envelope, envelope],
  });

  equal(one.status, 202);
  deepEqual(two, { accepted: 2 });
  equal(fake.replies.length, 3);
});

Deno.test("a malformed reply is refused with the name of its wrong field, in a list with its index", async () => {
  const fake = fakeApi();
  const good = { specversion: "1.0", id: "1", source: "/inventory", type: "t", data: 1 };
  const wrong = { ...good, taskerattempt: 0 };
  const key = fake.key(["bus"], [], ["inventory"]);
  const pathsOf = async (body: unknown) => {
    const answer = await fake.ask("POST /v1/bus/inventory/replies", { key, body });
    const { errors = [] } = await answer.json() as { errors?: { path: string }[] };
    return [answer.status, ...errors.map(({ path }) => path)];
  };

  deepEqual(await pathsOf(wrong), [400, "taskerattempt"]);
  deepEqual(await pathsOf([good, wrong]), [400, "1.taskerattempt"]);
  deepEqual(await pathsOf([wrong, good]), [400, "0.taskerattempt"]);
  deepEqual(await pathsOf({ ...good, id: 7, source: "" }), [400, "id", "source"]);
  deepEqual(await pathsOf(Array(101).fill(good)), [400]);
  equal(fake.replies.length, 2, "the neighbours of a malformed answer are taken");
});

Deno.test("a poll passes on its limits and ends when the node shuts down", async () => {
  const asked: unknown[] = [];
  const fake = fakeApi({
    worker: {
      poll: (system, { max, waitMs, signal }) => {
        asked.push({ system, max, waitMs });
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve([])));
      },
      reply: () => Promise.resolve(),
    },
  });
  const poll = fake.json("POST /v1/bus/inventory/poll", { body: { max: 5, waitMs: 9_000 } });
  await fake.runtime.settle();

  fake.api.close();

  deepEqual(await poll, { envelopes: [] });
  deepEqual(asked, [{ system: "inventory", max: 5, waitMs: 9_000 }]);
});

Deno.test("GET /health shows each part; one that throws or hangs is not ok", async () => {
  const action = "fix it";
  const fake = fakeApi({
    health: {
      node: "node-1",
      version: "1.2.3",
      notReady: () => Promise.resolve(undefined),
      checks: [
        {
          name: "bus",
          action,
          look: () => Promise.resolve({ name: "bus", ok: true, detail: "redis" }),
        },
        { name: "database", action, look: () => Promise.reject(new Error("refused")) },
        { name: "core", action, look: () => new Promise(() => {}) },
      ],
    },
  });

  const answer = fake.json("GET /health");
  await fake.runtime.advance(CHECK_MS_MAX);

  deepEqual(await answer, {
    ok: false,
    node: "node-1",
    version: "1.2.3",
    now: "2026-01-01T00:00:02.000Z",
    checks: [
      { name: "bus", ok: true, detail: "redis" },
      { name: "database", ok: false, detail: "refused", action },
      { name: "core", ok: false, detail: "no answer within 2000 ms", action },
    ],
  });
});

Deno.test("a turn that no journal can hold is refused, and is not an error of Postgres", async () => {
  const { ask, started } = fakeApi();
  const id = await started();

  equal((await ask(`GET /v1/tasks/${id}/journal?afterTurn=2147483647`)).status, 200);
  equal((await ask(`GET /v1/tasks/${id}/journal?afterTurn=2147483648`)).status, 400);
});

Deno.test("GET /metrics names a key no workflow, system or tool that it does not see", async () => {
  const fake = fakeApi();
  const { metrics } = fake.deps;
  for (const workflow of ["orders/process", "billing/bill", "other"]) {
    metrics.counter("tasker_attempts_total", workflow, "pay", "completed").add();
  }
  for (const system of ["inventory", 'led"ger']) {
    metrics.gauge("tasker_circuit_open", system).set(1);
  }
  metrics.counter("tasker_mcp_calls_total", "billing_bill", "done").add();
  metrics.counter("tasker_turns_total").add();
  const namesOf = async (key?: string) => {
    const text = await (await fake.ask("GET /metrics", key === undefined ? {} : { key })).text();
    const lines = text.split("\n").filter((line) => !line.startsWith("#"));
    const named = lines.flatMap((line) =>
      /(?:workflow|system|tool)="(.*?)"[,}]/.exec(line)?.[1] ?? []
    );
    return { named, hasTotals: lines.includes("tasker_turns_total 1") };
  };

  deepEqual(await namesOf(fake.key(["read"], ["orders"])), {
    named: ["orders/process", "inventory"],
    hasTotals: true,
  });
  equal((await namesOf()).named.length, 6);
});

Deno.test("GET /metrics counts requests by route, not by path", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  await fake.ask(`GET /v1/tasks/${id}`);
  await fake.ask("GET /v1/tasks/x");

  const response = await fake.ask("GET /metrics");

  const text = await response.text();
  ok(text.includes('tasker_http_requests_total{route="/v1/tasks/{id}",code="200"} 1'));
  ok(text.includes('tasker_http_requests_total{route="/v1/tasks/{id}",code="400"} 1'));
  ok(!text.includes(id));
});

Deno.test("a value that JSON or Postgres cannot store is refused in every field of every request", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const refused = async (line: string, body?: string) => {
    const problem = await fake.json<{ status: number; errors: { code: string; path: string }[] }>(
      line,
      body === undefined ? {} : { body },
    );
    return [problem.status, ...problem.errors.map(({ code, path }) => `${code} ${path}`)];
  };
  const start = (more: string) =>
    refused("POST /v1/tasks", `{"workflow":"orders/process",${more}}`);

  deepEqual(await start('"input":{"n":9007199254740993}'), [422, "number "]);
  deepEqual(await start('"input":{"n":[1e400]}'), [422, "number input.n.0"]);
  deepEqual(await start('"tags":["a\\u0000"]'), [422, "text tags.0"]);
  deepEqual(await start('"tags":["\\ud83d"]'), [422, "text tags.0"]);
  for (const field of ["by", "reason"]) {
    const body = `{"${field}":"a\\u0000"}`;
    deepEqual(await refused(`POST /v1/tasks/${id}/pause`, body), [422, `text ${field}`]);
  }
  deepEqual(await refused(`POST /v1/tasks/${id}/signals/go`, '"\\udc00"'), [422, "text "]);
  deepEqual(await refused("GET /v1/tasks?tag=a%00"), [422, "text tag"]);
  deepEqual(await refused("DELETE /v1/dead/a%00"), [422, "text id"]);
  deepEqual(fake.engine.commands, []);
  deepEqual(fake.engine.starts.length, 1);
});

Deno.test("the same body with its fields in another order is the same request", async () => {
  const fake = fakeApi();
  const put = (body: string) =>
    fake.json<{ version: number }>("PUT /v1/policies/orders/process", {
      headers: { "idempotency-key": "k" },
      body,
    });

  const first = await put('{"reason":"slow","steps":{"*":{"timeoutMs":1,"heartbeatMs":2}}}');
  const again = await put('{"steps":{"*":{"heartbeatMs":2,"timeoutMs":1}},"reason":"slow"}');

  deepEqual([first.version, again.version], [1, 1]);
});
