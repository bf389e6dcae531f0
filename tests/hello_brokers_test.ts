/** Systems that say hello over real brokers to two real nodes, and whose workers are killed. */

import assert from "node:assert/strict";
import { BROKER_KINDS } from "../src/core/broker.ts";
import { overBroker } from "./support/broker_servers.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { makeDatabase } from "./support/postgres.ts";
import { kill } from "./support/programs.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

const MANIFEST = `
name: orders
namespace: acme
version: 1.0.0
input: { type: object }
systems:
  warehouse: { base_url: 'http://127.0.0.1:1', capabilities: [stock.check] }
workflow_steps:
  - { name: check, owner: warehouse, capability: stock.check@^1.2, timeout: 60s }
`;

interface Shown {
  readonly state: string;
  readonly blockedReason?: string;
  readonly steps: readonly { readonly result?: unknown }[];
}

async function read(server: Served, path: string) {
  const response = await fetch(`${server.url}${path}`, {
    headers: { authorization: `Bearer ${server.key}` },
  });
  return await response.json();
}

function startWorker(url: string, instance: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "tests/support/hello_worker.ts"],
    env: { BUS_URL: url, SYSTEM: "warehouse", INSTANCE: instance },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

function start(server: Served): Promise<string> {
  return startTask(server, { workflow: "acme/orders", input: {} }, crypto.randomUUID());
}

/** Waits until a task has ended; returns which instance answered. */
async function answeredBy(server: Served, id: string): Promise<unknown> {
  return await until("the end of a task", 60_000, async () => {
    const task: Shown = await read(server, `/v1/tasks/${id}`);
    return task.state === "completed" ? task.steps[0]?.result : undefined;
  });
}

/** Two nodes on one database hear of an instance, lose it by kill -9, and get the next one. */
async function loseAndReplace(url: string): Promise<void> {
  const [one, other] = [makeDataDir("hello"), makeDataDir("hello")];
  const workflows = `${one}/workflows`;
  await Deno.mkdir(workflows);
  await Deno.writeTextFile(`${workflows}/orders.yaml`, MANIFEST);
  const database = await makeDatabase();
  const env = { TASKER_WORKFLOWS: workflows, DATABASE_URL: database.url, BUS_URL: url };
  const workers: Deno.ChildProcess[] = [];
  try {
    await using first = await serve({ dataDir: one, env: { ...env, TASKER_ADMIN_KEY: KEY } });
    await Deno.writeTextFile(`${other}/admin.key`, KEY);
    await using second = await serve({ dataDir: other, env });
    const nodes = [{ ...first, key: KEY }, { ...second, key: KEY }];
    workers.push(startWorker(url, "w-1"));
    for (const node of nodes) {
      assert.deepEqual(await answeredBy(node, await start(node)), { answeredBy: "w-1" });
    }

    await kill(workers[0] as Deno.ChildProcess);
    for (const node of nodes) {
      await until("the end of the lease", 60_000, async () => {
        const { instances } = await read(node, "/v1/systems/warehouse");
        return instances.gone === 1 ? true : undefined;
      });
    }
    const waiting = await Promise.all(nodes.map(start));
    for (const [index, node] of nodes.entries()) {
      await until("a reason", 60_000, async () => {
        const task: Shown = await read(node, `/v1/tasks/${waiting[index]}`);
        return task.blockedReason === 'step "check": no_healthy_instance' ? true : undefined;
      });
    }

    workers.push(startWorker(url, "w-2"));
    for (const [index, node] of nodes.entries()) {
      assert.deepEqual(await answeredBy(node, waiting[index] ?? ""), { answeredBy: "w-2" });
    }
  } finally {
    for (const worker of workers) await kill(worker);
    for (const folder of [one, other]) await Deno.remove(folder, { recursive: true });
  }
}

const KEY = "tasker_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

for (const kind of BROKER_KINDS) {
  Deno.test(`two nodes hear of a system over ${kind}, and its steps wait once its worker is killed`, (t) =>
    overBroker(t, kind, loseAndReplace));
}
