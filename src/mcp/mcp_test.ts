import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { fakeMcp, MCP_URL } from "../../tests/support/fake_mcp.ts";
import { valueOf } from "../../tests/support/mcp.ts";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { type Key, openClient } from "../client.ts";
import { type ErrorCode, ERRORS } from "../core/errors.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { failureOf, refused } from "./failure.ts";
import { Limits } from "./limits.ts";
import { OFFER } from "./offer.ts";
import { mcpServer } from "./server.ts";

for (const isOld of [false, true]) {
  Deno.test(`a client of ${isOld ? "2025" : "2026-07-28"} starts a task and reads it`, async () => {
    const fake = fakeMcp();
    const client = await fake.connect({ isOld });

    const started = await valueOf(client, "start_task", {
      workflow: "orders/process",
      input: { id: 1 },
    });
    const task = await valueOf(client, "get_task", { id: started.task_id });
    const found = await valueOf(client, "search_tasks", { workflow: "orders/process" });

    equal(started.state, "running");
    deepEqual(task.input, { id: 1 });
    deepEqual((found.tasks as { id: string }[]).map(({ id }) => id), [started.task_id]);
  });
}

Deno.test("a client without a key, or with one that is not known, is refused", async () => {
  const fake = fakeMcp();

  for (const authorization of ["", "Bearer tasker_unknown"]) {
    const response = await fake.fetch(MCP_URL, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: "{}",
    });
    const { error } = await response.json();
    equal(response.status, 401);
    equal(response.headers.get("www-authenticate"), 'Bearer realm="tasker"');
    equal(error.data.code, "api.unauthorized");
    equal(error.message.split("\n").length, 3);
  }
});

Deno.test("a client that goes before its call is answered leaves no error in the log", async () => {
  const { deps: { runtime } } = fakeMcp();
  const [errors, asked] = [[] as unknown[], Promise.withResolvers<void>()];
  const answered = Promise.withResolvers<void>();
  const client = openClient({
    ...{ url: "http://tasker.test", key: "k", runtime },
    fetch: ({ signal }) => {
      asked.resolve();
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  const server = mcpServer({
    client,
    as: () => client,
    key: () => Promise.resolve({ id: "k", name: "k", scopes: ["admin"] } as unknown as Key),
  }, {
    ...OFFER,
    ...{ runtime, version: "1.0.0", limits: new Limits(runtime), stateKey: "k".repeat(32) },
    log: { ...SILENT_LOG, error: (...line) => void errors.push(line) },
    count: () => answered.resolve(),
  });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  await near.start();
  const send = (method: string, params: object) =>
    near.send({ jsonrpc: "2.0", id: method, method, params: { ...params } });
  await send("initialize", {
    ...{ protocolVersion: "2025-06-18", capabilities: {} },
    clientInfo: { name: "tests", version: "1.0.0" },
  });
  await send("tools/call", { name: "search_tasks", arguments: {} });
  await asked.promise;

  await near.close();
  await answered.promise;

  deepEqual(errors, []);
});

Deno.test("a page of another origin is refused, even with a key", async () => {
  const fake = fakeMcp();

  const response = await fake.fetch(MCP_URL, {
    method: "POST",
    headers: { origin: "https://evil.example", authorization: `Bearer ${fake.key()}` },
    body: "{}",
  });

  equal(response.status, 403);
});

Deno.test("a key sees the tools that it may use, and no others", async () => {
  const fake = fakeMcp();
  const toolsOf = async (...scopes: ("read" | "write" | "operate" | "bus")[]) => {
    const client = await fake.connect({ key: fake.key(scopes, ["orders"], ["inventory"]) });
    return (await client.listTools()).tools.map(({ name }) => name);
  };

  const [reads, writes, operates, none] = await Promise.all([
    toolsOf("read"),
    toolsOf("write"),
    toolsOf("operate"),
    toolsOf("bus"),
  ]);

  ok(reads.includes("search_tasks") && !reads.includes("start_task"), reads.join());
  deepEqual(writes, ["start_task"]);
  ok(operates.includes("cancel_task"), operates.join());
  deepEqual(none, []);
});

Deno.test("a tool that the key may not use is refused when it is called", async () => {
  const fake = fakeMcp();
  const client = await fake.connect({ key: fake.key(["read"], ["orders"]) });

  const { error } = await valueOf(client, "start_task", { workflow: "orders/process" });

  equal((error as { code: string }).code, "api.forbidden");
  deepEqual(fake.engine.starts, []);
});

Deno.test("a task of another namespace does not exist", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const client = await fake.connect({ key: fake.key(undefined, ["billing"]) });

  for (const name of ["get_task", "get_task_timeline", "cancel_task"]) {
    const { error } = await valueOf(client, name, { id });
    equal((error as { code: string }).code, "task.not_found", name);
  }
});

Deno.test("what a failure advises is in words of tools, not of requests", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();
  const adviceOf = async (name: string, args: Record<string, unknown>) => {
    const { error } = await valueOf(client, name, args);
    const { code, action } = error as { code: string; action: string };
    return [code, action];
  };

  const id = await adviceOf("get_task", { id: "no id" });
  const workflow = await adviceOf("start_task", { workflow: "orders/none" });
  const codes = Object.entries(ERRORS).map(([code, { title }]) =>
    failureOf(refused(code as ErrorCode, title), true)
  );

  deepEqual(id, ["task.id_invalid", "Use an id that start_task or search_tasks answered"]);
  equal(workflow[0], "definition.unknown");
  match(workflow[1] ?? "", /tasker:\/\/workflow/);
  // Keys, dead letters and registrations have no tools.
  const others = /^(key|dead_letter|system|api\.(not_found|method))/;
  const http = codes.filter(({ code, action }) =>
    !others.test(code) &&
    /\/v1|Retry-After|Idempotency-Key|[Ss]end the (same )?request/.test(action)
  );
  deepEqual(http, []);
});

Deno.test("a key that is removed in the middle is refused at the next call", async () => {
  const fake = fakeMcp();
  const key = fake.key(["read"], ["orders"]);
  const client = await fake.connect({ key });
  await client.callTool({ name: "search_tasks" });
  const row = fake.keyRows.at(-1);

  await fake.ask(`DELETE /v1/keys/${row?.id}`);

  await rejects(client.callTool({ name: "search_tasks" }), /401|key/);
});

Deno.test("a wrong argument is answered with its place, and in three parts", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const result = await client.callTool({ name: "search_tasks", arguments: { state: "done" } });
  const missing = await valueOf(client, "get_task", {});
  const unknown = await valueOf(client, "search_tasks", { sort: "up" });

  equal(result.isError, true);
  const [text] = result.content as { text: string }[];
  equal(text?.text.split("\n").length, 3);
  match(text?.text ?? "", /state/);
  match(JSON.stringify(missing.error), /id/);
  match(JSON.stringify(unknown.error), /sort/);
});

Deno.test("an argument cannot turn the address of an operation into that of another", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  for (const id of ["..", ".", "", "../keys", "%2e%2e", "a/b?c", { toString: 1 }, ["x"]]) {
    const { error } = await valueOf(client, "cancel_task", { id });
    const { code } = error as { code: string };
    ok(["api.bad_request", "task.id_invalid", "task.not_found"].includes(code), String(code));
  }
  deepEqual(fake.engine.commands, []);
});
