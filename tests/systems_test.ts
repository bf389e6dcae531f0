/** Systems that come, leave and share a name, at a real server. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

/** Two tenants with the same workflow, which names only a capability, and a system of their own. */
const MANIFEST = (namespace: string) => `
name: orders
namespace: ${namespace}
version: 1.0.0
input: { type: object }
systems:
  ${namespace}-stock: { base_url: 'http://127.0.0.1:1', capabilities: [stock.check] }
workflow_steps:
  - { name: check, capability: stock.check@^1.2, timeout: 60s }
`;

interface Sent {
  readonly id: string;
  readonly subject: string;
  readonly taskerreplytoken: string;
}

const START = { workflow: "acme/orders", input: {} };

/** Asks a server with a key; returns the status and the body. */
async function ask(
  { url }: Served,
  key: string,
  [method = "", path = ""]: readonly string[],
  body?: unknown,
) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

async function keyFor(server: Served, namespace: string, system: string): Promise<string> {
  const { body } = await ask(server, server.key, ["POST", "/v1/keys"], {
    name: namespace,
    scopes: ["read", "write", "bus"],
    namespaces: [namespace],
    systems: [system],
  });
  return body.key;
}

function register(server: Served, key: string, system: string, version = "1.2.0") {
  const capabilities = [{ name: "stock.check", version }];
  const path = `/v1/systems/${system}/instances/w-1`;
  return ask(server, key, ["PUT", path], { capabilities, leaseMs: 8_000 });
}

async function work(server: Served, key: string, system: string): Promise<readonly string[]> {
  const polled = await ask(server, key, ["POST", `/v1/bus/${system}/poll`], {
    max: 10,
    waitMs: 500,
  });
  const envelopes: readonly Sent[] = polled.body.envelopes;
  for (const { id, subject, taskerreplytoken } of envelopes) {
    const head = { specversion: "1.0", source: `/${system}`, type: "tasker.step.completed" };
    const reply = { ...head, id: `${id}:done`, subject, taskerreplytoken, data: { free: 1 } };
    await ask(server, key, ["POST", `/v1/bus/${system}/replies`], reply);
  }
  return envelopes.map(({ subject }) => subject.split(".")[1] ?? "");
}

async function taskOf(server: Served, id: string) {
  return (await ask(server, server.key, ["GET", `/v1/tasks/${id}`])).body;
}

/** Waits until it is so. */
function untilSo(what: string, look: () => Promise<boolean>): Promise<boolean> {
  return until(what, 60_000, async () => await look() || undefined);
}

Deno.test("steps wait for the instances of their own tenant's system, and for a lease that holds", async () => {
  const dataDir = makeDataDir("systems");
  const workflows = `${dataDir}/workflows`;
  await Deno.mkdir(workflows, { recursive: true });
  for (const name of ["acme", "globex"]) {
    await Deno.writeTextFile(`${workflows}/${name}.yaml`, MANIFEST(name));
  }
  try {
    await using server = await serve({ dataDir, env: { TASKER_WORKFLOWS: workflows } });
    const acme = await keyFor(server, "acme", "acme-stock");
    const globex = await keyFor(server, "globex", "globex-stock");

    // The registered version counts, not what the manifest declares.
    assert.equal((await register(server, acme, "acme-stock", "1.1.0")).status, 204);
    const id = await startTask(server, START, crypto.randomUUID());
    await untilSo(
      "the version to be missing",
      async () => (await taskOf(server, id)).blockedReason === 'step "check": no_system_offers',
    );
    // Another tenant's system of the same capability, registered by a key that covers it.
    assert.equal((await register(server, globex, "globex-stock")).status, 204);
    assert.deepEqual(await work(server, globex, "globex-stock"), []);
    const { status } = await ask(server, globex, ["GET", "/v1/systems/acme-stock"]);
    assert.equal(status, 404);
    assert.equal((await register(server, globex, "acme-stock")).status, 403);
    const forAcme = { namespaces: ["acme"] };
    const given = ["PUT", "/v1/systems/globex-stock/instances/w-1"];
    assert.equal((await ask(server, globex, given, forAcme)).status, 403);

    assert.equal((await register(server, acme, "acme-stock")).status, 204);
    await untilSo("the command", async () => (await work(server, acme, "acme-stock")).includes(id));
    await untilSo(
      "the end of the task",
      async () => (await taskOf(server, id)).state === "completed",
    );

    // The worker is killed: nobody renews.
    const path = ["GET", "/v1/systems/acme-stock"];
    await untilSo(
      "the end of the lease",
      async () => (await ask(server, acme, path)).body.instances.gone === 1,
    );
    const later = await startTask(server, START, crypto.randomUUID());
    await untilSo(
      "the instance to be missing",
      async () =>
        (await taskOf(server, later)).blockedReason === 'step "check": no_healthy_instance',
    );
    await register(server, acme, "acme-stock");
    await untilSo(
      "the second command",
      async () => (await work(server, acme, "acme-stock")).includes(later),
    );
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

/** A workflow of a tenant, which gives its step to the system that both have named alike. */
const SHARED = (namespace: string) => `
name: orders
namespace: ${namespace}
version: 1.0.0
input: { type: object }
systems:
  stock: { base_url: 'http://127.0.0.1:1', capabilities: [stock.check] }
workflow_steps:
  - { name: check, owner: stock, capability: stock.check, timeout: 60s }
`;

Deno.test("two tenants that name a system alike share it; whose key has the system speaks for both", async () => {
  const dataDir = makeDataDir("systems_shared");
  const workflows = `${dataDir}/workflows`;
  await Deno.mkdir(workflows, { recursive: true });
  for (const name of ["acme", "globex"]) {
    await Deno.writeTextFile(`${workflows}/${name}.yaml`, SHARED(name));
  }
  try {
    await using server = await serve({ dataDir, env: { TASKER_WORKFLOWS: workflows } });
    const acme = await keyFor(server, "acme", "stock");
    const globex = await keyFor(server, "globex", "stock");
    const outsider = await keyFor(server, "globex", "other");
    const ids = await Promise.all(
      ["acme", "globex"].map((namespace) =>
        startTask(server, { workflow: `${namespace}/orders`, input: {} }, crypto.randomUUID())
      ),
    );

    // Either key registers, sees the instances, and works for both tenants: a name is one system.
    assert.equal((await register(server, acme, "stock")).status, 204);
    const seen = (await ask(server, globex, ["GET", "/v1/systems/stock"])).body;
    assert.deepEqual(seen.workflows, ["globex/orders"]);
    const registered = seen.registered.filter((one: { isDeclared: boolean }) => !one.isDeclared);
    assert.equal(registered.length, 1);
    const worked = new Set<string>();
    await untilSo("the commands of both tenants", async () => {
      for (const id of await work(server, globex, "stock")) worked.add(id);
      return ids.every((id) => worked.has(id));
    });

    // But neither reads the tasks of the other, registers for it, or starts there.
    const [ofAcme, ofGlobex] = ids;
    assert.equal((await ask(server, globex, ["GET", `/v1/tasks/${ofGlobex}`])).status, 200);
    assert.equal((await ask(server, globex, ["GET", `/v1/tasks/${ofAcme}`])).status, 404);
    const instance = ["PUT", "/v1/systems/stock/instances/w-2"];
    assert.equal((await ask(server, globex, instance, { namespaces: ["acme"] })).status, 403);
    const start = { workflow: "acme/orders", input: {} };
    assert.equal((await ask(server, globex, ["POST", "/v1/tasks"], start)).status, 403);

    // A key that has a tenant and not the system sees how it is, and does nothing for it.
    const shown = await ask(server, outsider, ["GET", "/v1/systems/stock"]);
    assert.equal(shown.status, 200);
    assert.equal(shown.body.registered, undefined);
    assert.equal((await register(server, outsider, "stock")).status, 403);
    const poll = { max: 1, waitMs: 500 };
    assert.equal(
      (await ask(server, outsider, ["POST", "/v1/bus/stock/poll"], poll)).status,
      403,
    );
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
