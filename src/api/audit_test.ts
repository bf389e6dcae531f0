import { deepEqual, equal } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { TaskerError } from "../core/errors.ts";
import type { AuditRow } from "../core/ports.ts";

const MANIFEST = "name: hello\nnamespace: people\nversion: 1.0.0\nworkflow_steps:\n" +
  "  - { name: rest, sleep: 1s }\n";

type Fake = ReturnType<typeof fakeApi>;

async function written({ runtime, deps }: Fake, limit = 100): Promise<readonly AuditRow[]> {
  await runtime.settle(); // those of refused calls
  return (await deps.audit.list({}, limit)).rows;
}

Deno.test("a call that changes something leaves a row of who, what, target, outcome and undo", async () => {
  const fake = fakeApi();
  const headers = { "user-agent": "mcp start_task (editor)" };
  const id = await fake.started({ headers });

  const rows = await written(fake);

  const [keyRow] = fake.keyRows;
  deepEqual(rows, [{
    id: rows[0]?.id,
    keyId: keyRow?.id,
    by: `tester (key ${keyRow?.id})`,
    agent: "mcp start_task (editor)",
    operation: "startTask",
    scope: "write",
    target: `orders/process ${id}`,
    outcome: "done",
    isDryRun: false,
    undo: `cancel ${id}`,
  }]);
});

Deno.test("the audit has no payload, no reason and no secret", async () => {
  const fake = fakeApi();
  const made = await fake.json<{ key: string }>("POST /v1/keys", {
    body: { name: "assistant", scopes: ["read"], namespaces: ["*"], systems: [] },
  });
  await fake.started({ body: { workflow: "orders/process", input: { card: "4111 payload" } } });
  const id = await fake.started();
  await fake.ask(`POST /v1/tasks/${id}/cancel`, { body: { by: "ada", reason: "a reason" } });

  const text = JSON.stringify(await written(fake));

  for (const secret of [made.key, "4111", "a reason"]) equal(text.includes(secret), false);
  equal(text.includes(`ada (key ${fake.keyRows[0]?.id})`), true);
});

Deno.test("a dry run is in the audit as one, and has no undo", async () => {
  const fake = fakeApi();
  const deploy = (more: object) =>
    fake.ask("POST /v1/workflows", { body: { text: MANIFEST, reason: "first", ...more } });
  await deploy({ dryRun: true });
  await deploy({});
  await deploy({});

  const rows = await written(fake);

  deepEqual(rows.map(({ target, outcome, isDryRun, undo }) => [target, outcome, isDryRun, undo]), [
    ["people/hello 1.0.0", "unchanged", false, undefined],
    ["people/hello 1.0.0", "done", false, undefined],
    ["people/hello 1.0.0", "done", true, undefined],
  ]);
});

Deno.test("a call that is refused is in the audit with its code: no scope, unreadable, not found", async () => {
  const fake = fakeApi();
  const reader = fake.key(["read"]);
  await fake.ask("POST /v1/tasks", { key: reader, body: { workflow: "orders/process" } });
  await fake.ask("POST /v1/tasks", { body: { workflow: 1 } });
  await fake.ask("DELETE /v1/keys/key_none");

  const rows = await written(fake);

  deepEqual(rows.map(({ operation, target, outcome }) => [operation, target, outcome]), [
    ["removeKey", "key_none", "key.not_found"],
    ["startTask", "/v1/tasks", "api.bad_request"],
    ["startTask", "/v1/tasks", "api.forbidden"],
  ]);
});

Deno.test("reads, and calls without a key, leave no row", async () => {
  const fake = fakeApi();
  await fake.ask("GET /v1/tasks");
  await fake.ask("POST /v1/documents/check", { body: { text: MANIFEST } });
  await fake.ask("POST /v1/tasks", { key: "", body: { workflow: "orders/process" } });

  deepEqual(await written(fake), []);
});

Deno.test("a call that changed something is answered after its row is written", async () => {
  const fake = fakeApi();
  const add = fake.deps.audit.add.bind(fake.deps.audit);
  const gate = Promise.withResolvers<void>();
  fake.deps.audit.add = async (rows) => {
    await gate.promise;
    await add(rows);
  };
  let isAnswered = false;

  const asked = fake.started().then(() => isAnswered = true);
  await fake.runtime.settle();
  equal(isAnswered, false);
  gate.resolve();
  await asked;

  equal((await fake.deps.audit.list({}, 10)).rows.length, 1);
});

Deno.test("calls that come while rows are written share the next statement", async () => {
  const fake = fakeApi();
  const gate = Promise.withResolvers<void>();
  const sizes: number[] = [];
  fake.deps.audit.add = (rows) => {
    sizes.push(rows.length);
    return gate.promise;
  };

  const all = Promise.all(Array.from({ length: 1_202 }, () => fake.started()));
  await fake.runtime.settle();
  gate.resolve();
  await all;

  equal(sizes.reduce((sum, size) => sum + size), 1_202);
  equal(sizes.length <= 4, true, String(sizes));
});

Deno.test("a call whose row the database does not take is not acknowledged, and its row stays", async () => {
  const fake = fakeApi();
  const add = fake.deps.audit.add.bind(fake.deps.audit);
  fake.deps.audit.add = () => Promise.reject(new TaskerError("journal.unavailable", "gone"));

  const asked = fake.ask("POST /v1/tasks", { body: { workflow: "orders/process" } });
  await fake.runtime.advance(30_000);
  const { status } = await asked;
  fake.deps.audit.add = add;
  await fake.runtime.advance(10_000);

  equal(status, 503);
  deepEqual((await fake.deps.audit.list({}, 10)).rows.map(({ outcome }) => outcome), ["done"]);
});

Deno.test("rows are written later when the database does not answer, each once", async () => {
  const fake = fakeApi();
  const add = fake.deps.audit.add.bind(fake.deps.audit);
  let failures = 0;
  fake.deps.audit.add = async (rows) => {
    await add(rows); // the answer is lost
    if (++failures < 3) throw new TaskerError("journal.unavailable", "gone");
  };
  const asked = fake.started();
  await fake.runtime.advance(10_000);
  await asked;

  equal((await fake.deps.audit.list({}, 10)).rows.length, 1);
  equal(failures, 3);
});

Deno.test("while too many rows wait, changes are refused and reads are answered", async () => {
  const fake = fakeApi();
  fake.deps.audit.add = () => Promise.reject(new TaskerError("journal.unavailable", "gone"));
  for (let call = 0; call < 10_000; call++) await fake.ask("DELETE /v1/keys/none");

  equal((await fake.ask("DELETE /v1/keys/none")).status, 503);
  equal((await fake.ask("GET /v1/tasks")).status, 200);
});

Deno.test("what waits is written before the server ends", async () => {
  const fake = fakeApi();
  await fake.ask("DELETE /v1/keys/key_none");

  await fake.api.settle();

  equal((await fake.deps.audit.list({}, 10)).rows.length, 1);
});

Deno.test("the audit is read in pages, by those alone who may see everything", async () => {
  const fake = fakeApi();
  for (let call = 0; call < 3; call++) await fake.started();
  await written(fake);
  type Page = { calls: { operation: string; at: string }[]; nextCursor?: string };

  const first = await fake.json<Page>("GET /v1/audit?limit=2&operation=startTask");
  const next = await fake.json<Page>(`GET /v1/audit?limit=2&cursor=${first.nextCursor}`);

  deepEqual([first.calls.length, next.calls.length, next.nextCursor], [2, 1, undefined]);
  equal((await fake.ask("GET /v1/audit", { key: fake.key(["operate"]) })).status, 403);
  equal((await fake.ask("GET /v1/audit", { key: fake.key(["admin"], ["orders"]) })).status, 403);
});
