/** Laws that hold for every route of the OpenAPI document. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import type { Problem } from "../operations/problem.ts";

interface Operation {
  readonly operationId: string;
  readonly "x-scope"?: string;
  readonly security?: readonly unknown[];
  readonly parameters: readonly { name: string; in: string }[];
  readonly requestBody?: { required: boolean };
  readonly responses: Record<string, unknown>;
}

interface Listed {
  readonly line: string; // such as `GET /v1/tasks/{id}`
  readonly operation: Operation;
}

/** The bodies that let a request through. */
const BODIES: Readonly<Record<string, unknown>> = {
  chooseStep: { choice: "retry" },
  startTask: { workflow: "orders/process", input: {} },
  resolveStep: { result: 1 },
  putPolicy: { reason: "test", steps: {} },
  deployWorkflow: { text: "name: process", reason: "test" },
  revertWorkflow: { to: "1.0.0", reason: "test" },
  putSystemLimits: { reason: "test", limits: {} },
  putHealing: { reason: "test" },
  putWebhook: { url: "https://a.test/", events: ["task.failed"], secret: "SECRET" },
  putTrigger: { type: "order.placed", start: { workflow: "orders/process" } },
  sendEvents: [{ id: "1", type: "order.placed" }],
  replayManyDead: { count: 1 },
  discardManyDead: { count: 1 },
  makeKey: { name: "n", scopes: ["read"], namespaces: ["orders"] },
  replyBus: { specversion: "1.0", id: "1", source: "/x", type: "t", data: 1 },
};

async function listed(fake: FakeApi): Promise<readonly Listed[]> {
  const { paths } = await fake.json<{ paths: Record<string, Record<string, Operation>> }>(
    "GET /openapi.json",
    { key: "" },
  );
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      line: `${method.toUpperCase()} ${path}`,
      operation,
    }))
  );
}

/** Fills a line's parameters in so that they name things which exist. */
async function filled(fake: FakeApi, line: string): Promise<string> {
  const id = line.includes("/tasks/") ? await fake.started() : fake.keyRows[0]?.id ?? "";
  return line.replace("{id}", id)
    .replace("{step}", "validate")
    .replace("{namespace}", "orders")
    .replace("{trigger}", "orders")
    .replace("{system}", "orders")
    .replace("{instance}", "host-1")
    .replace("{version}", "1.0.0")
    .replace("{part}", "input")
    .replace("{envelope}", "StepCommand")
    .replace("{name}", line.includes("signals") ? "approval" : "process");
}

function bodyFor({ operation }: Listed): { body?: unknown } {
  const body = BODIES[operation.operationId] ?? (operation.requestBody ? {} : undefined);
  return body === undefined ? {} : { body };
}

async function problemIn(response: Response): Promise<Problem> {
  equal(response.headers.get("content-type"), "application/problem+json");
  return await response.json();
}

/** Without a key, an event has to be signed instead. */
function codeWithoutKey({ operation }: Listed): string {
  return operation.operationId === "sendSignedEvent" ? "event.not_signed" : "api.unauthorized";
}

Deno.test("every route except the probes and the description refuses a request without a key", async () => {
  const fake = fakeApi();
  const open: string[] = [];

  for (const one of await listed(fake)) {
    const line = await filled(fake, one.line);
    const response = await fake.ask(line, { key: "", ...bodyFor(one) });
    if (response.status !== 401) open.push(one.line);
    else equal((await problemIn(response)).code, codeWithoutKey(one), line);
  }

  deepEqual(open.toSorted(), [
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /schemas/envelopes/{envelope}",
    "GET /v1/session/provider",
    "GET /v1/session/provider/return",
    "GET /v1/session/ways",
    "POST /v1/session",
  ]);
});

Deno.test("every route that needs a key refuses an unknown one", async () => {
  const fake = fakeApi();

  for (const one of await listed(fake)) {
    if (one.operation["x-scope"] === undefined) continue;
    const line = await filled(fake, one.line);
    const response = await fake.ask(line, { key: "tasker_unknown", ...bodyFor(one) });
    equal(response.status, 401, line);
    equal(response.headers.get("www-authenticate"), 'Bearer realm="tasker"');
  }
});

Deno.test("every route that needs a key refuses one without its scope", async () => {
  const fake = fakeApi();
  const scopes = ["read", "write", "operate", "deploy", "events", "bus"] as const;

  for (const one of await listed(fake)) {
    const scope = one.operation["x-scope"];
    if (scope === undefined) continue;
    const key = fake.key(scopes.filter((other) => other !== scope));
    const line = await filled(fake, one.line);
    const response = await fake.ask(line, { key, ...bodyFor(one) });
    equal(response.status, 403, line);
    equal((await problemIn(response)).code, "api.forbidden", line);
  }
});

Deno.test("a key of any scope may ask what it may do, and learns no secret", async () => {
  const fake = fakeApi();
  const key = fake.key(["bus"], [], ["inventory"]);

  const own = await fake.json("GET /v1/key", { key });

  deepEqual([own.scopes, own.namespaces, own.systems], [["bus"], [], ["inventory"]]);
  ok(!JSON.stringify(own).includes(key));
});

Deno.test("every route of a task or workflow hides it from keys of other namespaces", async () => {
  const fake = fakeApi();
  const key = fake.key(undefined, ["billing"]);

  for (const one of await listed(fake)) {
    if (!one.line.includes("{") && one.line !== "POST /v1/tasks") continue;
    if (one.operation["x-scope"] === undefined) continue;
    const query = one.line.endsWith("/compare") ? "?from=1.0.0&to=1.0.0" : "";
    const line = `${await filled(fake, one.line)}${query}`;
    const { status } = await fake.ask(line, { key, ...bodyFor(one) });
    ok(status === 404 || status === 403, `${line}: ${status}`);
  }
  deepEqual(fake.engine.commands, []);
});

Deno.test("every list shows only the namespaces of the key", async () => {
  const fake = fakeApi();
  await fake.started();
  const key = fake.key(undefined, ["billing"]);

  const tasks = await fake.json("GET /v1/tasks", { key });
  const workflows = await fake.json<{ workflows: { namespace: string }[] }>(
    "GET /v1/workflows",
    { key },
  );
  const systems = await fake.json<{ systems: { workflows: string[] }[] }>("GET /v1/systems", {
    key,
  });
  const keys = await fake.json<{ keys: { namespaces: string[] }[] }>("GET /v1/keys", { key });
  const dead = await fake.ask("GET /v1/dead", { key });

  deepEqual(tasks, { tasks: [] });
  deepEqual(workflows.workflows.map(({ namespace }) => namespace), ["billing"]);
  deepEqual(systems.systems.map((one) => one.workflows), [["billing/bill"]]);
  deepEqual(keys.keys.map((one) => one.namespaces), [["billing"]]);
  equal(dead.status, 403);
});

Deno.test("every route with a body refuses unknown fields, except signals", async () => {
  const fake = fakeApi();

  for (const one of await listed(fake)) {
    if (one.operation.requestBody === undefined || one.operation.operationId === "sendSignal") {
      continue;
    }
    const line = await filled(fake, one.line);
    const known = BODIES[one.operation.operationId] ?? {};
    const isOpen = one.operation.operationId === "replyBus"; // CloudEvents may be extended
    const body = isOpen ? { surprise: 1 } : { ...known, surprise: 1 };
    const problem = await problemIn(await fake.ask(line, { body }));
    equal(problem.code, isOpen ? "bus.envelope_invalid" : "api.bad_request", line);
    ok((problem.errors?.length ?? 0) > 0, line);
  }
  deepEqual(fake.engine.commands, []);
});

Deno.test("every route refuses an unknown query field, and one that is given twice", async () => {
  const fake = fakeApi();

  for (const one of await listed(fake)) {
    const line = await filled(fake, one.line);
    // Providers add fields of their own to what they send a browser back with.
    const isOpen = one.line === "GET /v1/session/provider/return";
    for (const query of [...isOpen ? [] : ["surprise=1"], "limit=1&limit=2"]) {
      const response = await fake.ask(`${line}?${query}`, bodyFor(one));
      equal(response.status, 400, `${line}?${query}`);
      await response.body?.cancel();
    }
  }
});

Deno.test("every path refuses other methods and names those that it takes", async () => {
  const fake = fakeApi();

  for (const { line } of await listed(fake)) {
    const path = (await filled(fake, line)).split(" ")[1];
    const response = await fake.ask(`PATCH ${path}`);
    equal(response.status, 405, path);
    ok(response.headers.get("allow")?.includes(line.split(" ")[0] ?? "?"), path);
  }
});

Deno.test("every answer forbids caching and guessing of its type", async () => {
  const fake = fakeApi();

  for (const one of await listed(fake)) {
    const gone = new AbortController();
    const line = await filled(fake, one.line);
    const response = await fake.ask(line, { ...bodyFor(one), signal: gone.signal });
    equal(response.headers.get("cache-control"), "no-store", line);
    gone.abort();
    await response.body?.cancel();
  }
});

Deno.test("headers and paths that are too long are refused", async () => {
  const fake = fakeApi();

  const headers = { "x-long": "x".repeat(20_000) };
  equal((await fake.ask("GET /health/live", { headers })).status, 413);
  equal((await fake.ask(`GET /health/live?q=${"x".repeat(9_000)}`)).status, 413);
});

Deno.test("an unknown path is a problem document that names the list of routes", async () => {
  const problem = await problemIn(await fakeApi().ask("GET /v1/nothing"));

  equal(problem.code, "api.not_found");
  ok(problem.action.includes("/openapi.json"));
});

Deno.test("an unexpected error shows nothing but a reference", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  fake.engine.refusal = new Error("password=hunter2 at db.internal");

  const response = await fake.ask(`POST /v1/tasks/${id}/cancel`);

  equal(response.status, 500);
  const problem = await problemIn(response);
  ok(problem.instance?.startsWith("urn:uuid:"));
  ok(!JSON.stringify(problem).includes("hunter2"));
});

Deno.test("a temporary error says when to try again", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  fake.engine.refusal = new TaskerError("mailbox.full", "Full", { retryAfterMs: 2_400 });

  const response = await fake.ask(`POST /v1/tasks/${id}/cancel`);

  equal(response.status, 429);
  equal(response.headers.get("retry-after"), "3");
});

Deno.test("an expired key is refused, even one that was used before", async () => {
  const fake = fakeApi();
  const expiresAt = new Date(fake.runtime.now() + 60_000).toISOString();
  const made = await fake.json<{ key: string }>("POST /v1/keys", {
    body: { name: "short", scopes: ["read"], namespaces: ["orders"], expiresAt },
  });
  equal((await fake.ask("GET /v1/tasks", { key: made.key })).status, 200);

  await fake.runtime.advance(60_000);

  equal((await fake.ask("GET /v1/tasks", { key: made.key })).status, 401);
});

Deno.test("a removed key is refused at once", async () => {
  const fake = fakeApi();
  const made = await fake.json<{ key: string; id: string }>("POST /v1/keys", {
    body: { name: "gone", scopes: ["read"], namespaces: ["*"] },
  });
  equal((await fake.ask("GET /v1/tasks", { key: made.key })).status, 200);

  equal((await fake.ask(`DELETE /v1/keys/${made.id}`)).status, 204);
  equal((await fake.ask("GET /v1/tasks", { key: made.key })).status, 401);
});

Deno.test("a malformed Host header is refused, and is not an error of the server", async () => {
  const fake = fakeApi();
  const request = new Request("http://tasker.test/v1/tasks");
  Object.defineProperty(request, "url", { value: "http://[/v1/tasks" });

  const response = await fake.api.fetch(request);

  equal(response.status, 400);
  equal((await response.json()).code, "api.bad_request");
});
