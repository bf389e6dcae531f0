/** Documents deployed at real servers: two on one database, one of them killed and started again. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { makeDatabase } from "./support/postgres.ts";
import { serve, type Served, until } from "./support/serve.ts";

const DOCUMENT = (version: string) => `
name: process
namespace: orders
version: ${version}
input: { type: object, required: [id], properties: { id: { type: string } } }
workflow_steps:
  - { name: make, transform: { hello: "\${input.id}" } }
  - { name: ask, depends_on: make, signal: {} }
`;

/** When a test gives up: a node learns of a deployment by its next poll, a second later where it is idle. */
const LEARN_MS_MAX = 60_000;

/** Asks a server; returns the status and the body. */
async function ask(
  { url, key: own }: Served,
  [method = "", path = ""]: readonly string[],
  { body, key = own }: { readonly body?: unknown; readonly key?: string } = {},
) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

function deploy(server: Served, text: string, key = server.key) {
  return ask(server, ["POST", "/v1/workflows"], { body: { text, reason: "a test" }, key });
}

async function start(server: Served, version?: string) {
  const body = { workflow: "orders/process", input: { id: "1" }, version };
  return (await ask(server, ["POST", "/v1/tasks"], { body })).body;
}

/** Starts until a server takes a version. */
function startOf(server: Served, version: string) {
  let last: unknown;
  const what = () => `a start to take ${version}; the last one got ${JSON.stringify(last)}`;
  return until(what, LEARN_MS_MAX, async () => {
    const task = last = await start(server);
    return task.version === version ? task : undefined;
  });
}

interface Site {
  readonly next: (workflows?: string) => Promise<Served>;
  readonly dataDir: string;
}

async function withDatabase(use: (site: Site) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("deploy");
  const { url } = await makeDatabase();
  await Deno.mkdir(`${dataDir}/empty`);
  await using servers = new AsyncDisposableStack();
  servers.defer(() => Deno.remove(dataDir, { recursive: true }));
  const next = async (workflows = `${dataDir}/empty`) => {
    const env = { DATABASE_URL: url, TASKER_WORKFLOWS: workflows, TASKER_LOG: "warn" };
    return servers.use(await serve({ dataDir, env }));
  };
  await use({ next, dataDir });
}

Deno.test("two nodes start what one of them deployed, tasks keep their version, and a kill loses nothing", async () => {
  await withDatabase(async ({ next }) => {
    const [one, other] = [await next(), await next()];
    assert.equal((await deploy(one, DOCUMENT("1.0.0"))).status, 200);
    assert.equal((await start(one)).version, "1.0.0");
    const underWay = await startOf(other, "1.0.0");

    const { body: deployed } = await deploy(other, DOCUMENT("1.1.0"));
    assert.deepEqual([deployed.outcome, deployed.openTasks > 0], ["deployed", true]);
    other.kill("SIGKILL");
    await startOf(one, "1.1.0");
    const again = await next();

    assert.equal((await start(again)).version, "1.1.0");
    assert.equal((await start(again, "1.0.0")).version, "1.0.0");
    await until("the task to take a signal", 60_000, async () => {
      const path = `/v1/tasks/${underWay.id}/signals/ask`;
      const { status } = await ask(again, ["POST", path], { body: {} });
      return status === 200 || status === 202 || undefined;
    });
    const ended = await until("the task to end", 60_000, async () => {
      const { body } = await ask(one, ["GET", `/v1/tasks/${underWay.id}`]);
      return body.state === "completed" ? body : undefined;
    });
    assert.deepEqual([ended.version, ended.state], ["1.0.0", "completed"]);
  });
});

Deno.test("both of two nodes deploy at once: one order, and every repeat is harmless", async () => {
  await withDatabase(async ({ next }) => {
    const [one, other] = [await next(), await next()];

    const answers = await Promise.all(
      ["1.0.0", "1.1.0", "1.2.0"].flatMap((version) => [
        deploy(one, DOCUMENT(version)),
        deploy(other, DOCUMENT(version)),
      ]),
    );

    const refused = answers.filter(({ status }) => status !== 200).map(({ body }) => body);
    assert.deepEqual(refused.filter(({ code }) => code !== "definition.not_highest"), []);
    const path = "/v1/workflows/orders/process/deployments";
    const { body: { deployments } } = await ask(one, ["GET", path]);
    const versions = deployments.map(({ version }: { version: string }) => version);
    assert.deepEqual(versions, versions.toSorted().reverse());
    assert.equal(versions[0], "1.2.0");
    await Promise.all([startOf(one, "1.2.0"), startOf(other, "1.2.0")]);
  });
});

Deno.test("a file that comes at the next start is what starts take, and refuses deployments by its name", async () => {
  await withDatabase(async ({ next, dataDir }) => {
    const one = await next();
    await deploy(one, DOCUMENT("1.0.0"));
    await one[Symbol.asyncDispose]();
    await Deno.mkdir(`${dataDir}/files`);
    await Deno.writeTextFile(`${dataDir}/files/process.yaml`, DOCUMENT("1.0.1"));

    const again = await next(`${dataDir}/files`);
    const refused = await deploy(again, DOCUMENT("2.0.0"));

    assert.equal((await start(again)).version, "1.0.1");
    assert.equal((await start(again, "1.0.0")).version, "1.0.0");
    assert.equal(refused.body.code, "definition.in_file");
    assert.match(refused.body.detail, /files\/process\.yaml/);
  });
});

Deno.test("a key deploys to its own namespaces, with the scope deploy, and to systems that are its own", async () => {
  await withDatabase(async ({ next }) => {
    const server = await next();
    const keyWith = async (scopes: readonly string[], namespaces: readonly string[]) => {
      const body = { name: "k", scopes, namespaces };
      return (await ask(server, ["POST", "/v1/keys"], { body })).body.key;
    };
    const operator = await keyWith(["operate", "write", "read"], ["orders"]);
    const foreign = await keyWith(["deploy"], ["billing"]);
    const own = await keyWith(["deploy"], ["orders"]);
    const system = `${DOCUMENT("1.0.0")}  - { name: pay, owner: bank, event_pattern: bank.pay }
systems: { bank: { base_url: 'http://bank.test' } }`;

    const codes = [
      (await deploy(server, DOCUMENT("1.0.0"), operator)).body.code,
      (await deploy(server, DOCUMENT("1.0.0"), foreign)).body.code,
      (await deploy(server, system, own)).body.errors[0].code,
      (await deploy(server, DOCUMENT("1.0.0"), own)).body.outcome,
    ];

    assert.deepEqual(codes, ["api.forbidden", "api.forbidden", "W15", "deployed"]);
  });
});
