import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { DeployReport } from "../core/deployment.ts";
import type { Command } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import type { DeployRequest, WhoAsks } from "../core/ports.ts";
import { ALL, type Deploying, manifestText, openDeploying } from "../../tests/support/deploying.ts";
import { refusal } from "../../tests/support/registry_fixture.ts";
import { buildDocument } from "./deployed.ts";
import { readManifest } from "./manifest.ts";
import { openDocuments } from "../server/documents.ts";
import { openRuntime } from "../server/runtime.ts";
import { openStarter, openStarts } from "./workflows.ts";
import { digest } from "../../tests/support/registry_fixture.ts";

const INPUT = (...required: readonly string[]) =>
  `input: { type: object, required: [${required}], properties: { id: { type: string } } }`;

function deploy(
  { deployer }: Pick<Deploying, "deployer">,
  text: string,
  more: Partial<DeployRequest> = {},
): Promise<DeployReport> {
  return deployer.deploy({
    ...{ text, by: "ada", reason: "r", isDryRun: false, grants: ALL, ...more },
  });
}

async function startedVersion({ registry }: Deploying, version?: string): Promise<string> {
  const sent: Command[] = [];
  const sink = {
    mintTaskId: () => "t" as never,
    send: (command: Command) => {
      sent.push(command);
      return Promise.resolve({ taskId: "t" as never, turn: 1, changed: true });
    },
  };
  await openStarter(registry, sink).start({
    ...{ workflow: "orders/process", input: { id: "1" }, tags: [], commandId: "c" },
    ...(version !== undefined && { version }),
  });
  const [command] = sent;
  return command?.kind === "StartTask" ? command.version : "";
}

function codeIs(code: string) {
  return (error: unknown) => error instanceof TaskerError && error.code === code;
}

Deno.test("starts take a deployed version at once; the one before can still be named", async () => {
  const node = openDeploying();

  await deploy(node, manifestText("1.0.0"));
  const report = await deploy(node, manifestText("1.1.0"));

  equal(report.outcome, "deployed");
  equal(report.before, "1.0.0");
  equal(await startedVersion(node), "1.1.0");
  equal(await startedVersion(node, "1.0.0"), "1.0.0");
});

Deno.test("another node loads what was deployed at the poll that sees its number", async () => {
  const node = openDeploying();
  const other = openDeploying(node);
  await other.deployed.open();
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await deploy(node, manifestText(version));

  other.deployed.saw(3);
  await other.deployed.refresh();

  equal(await startedVersion(other), "1.2.0");
  equal(await startedVersion(other, "1.1.0"), "1.1.0");
});

Deno.test("a document that is deployed waits in the turn of who deploys it, not of all", async () => {
  const whose: (string | undefined)[] = [];
  const documents = openDocuments(openRuntime());
  const noted = <T extends WhoAsks>(of: T): T => {
    whose.push(of.by);
    return of;
  };
  const node = openDeploying({
    documents: {
      check: (of, directory) => documents.check(noted(of), directory),
      read: (of) => documents.read(noted(of)),
    },
  });

  await deploy(node, manifestText("1.0.0"), { by: "ada (key 1)" });

  deepEqual(whose, ["ada (key 1)", "ada (key 1)"]);
});

Deno.test("a dry run says what a deployment would do, and stores nothing", async () => {
  const node = openDeploying({ openTasks: () => Promise.resolve(4) });
  await deploy(node, manifestText("1.0.0", { lines: [INPUT()] }));

  const report = await deploy(
    node,
    manifestText("2.0.0", {
      lines: [INPUT("id")],
      steps: ["{ name: rest, depends_on: reserve, sleep: 1m }"],
    }),
    { isDryRun: true },
  );

  equal(report.outcome, "dry_run");
  equal(report.isAccepted, false);
  equal(report.openTasks, 4);
  deepEqual(report.changes.map(({ part, what, path }) => `${what} ${part} ${path}`), [
    "changed contract input",
    "added step rest",
    "added edge reserve → rest",
  ]);
  match(report.changes[0]?.text ?? "", /refuses what was accepted before/);
  deepEqual(report.breaks.map(({ verdict, path }) => [verdict, path]), [["breaks", "input.id"]]);
  equal((await node.store.entries(report, { limit: 9 })).length, 1);
  equal(await startedVersion(node), "1.0.0");
});

Deno.test("what breaks others is refused, unless a person says why", async () => {
  const node = openDeploying();
  await deploy(node, manifestText("1.0.0", { lines: [INPUT()] }));
  const breaking = manifestText("2.0.0", { lines: [INPUT("id")] });

  await rejects(deploy(node, breaking), codeIs("definition.breaks"));
  const report = await deploy(node, breaking, { force: "the shop sends it since May" });
  const [entry, first] = await node.store.entries(report, { limit: 9 });

  equal(report.outcome, "deployed");
  equal(report.forced, "the shop sends it since May");
  equal(entry?.forced?.reason, "the shop sends it since May");
  match(entry?.forced?.breaks.join() ?? "", /^input\.id /);
  equal(first?.forced, undefined);
});

Deno.test("the same document again changes nothing; another one under its version is refused", async () => {
  const node = openDeploying();
  await deploy(node, manifestText("1.0.0"));

  const again = await deploy(node, `${manifestText("1.0.0")}\n# a comment`, {
    directory: { systems: [] },
  });
  const policy = manifestText("1.0.0").replace("stock.reserve", "stock.reserve, timeout: 9s");
  const other = manifestText("1.0.0").replace("stock.reserve", "stock.take");

  equal(again.outcome, "unchanged");
  for (const text of [policy, other]) {
    await rejects(deploy(node, text), codeIs("definition.changed"));
  }
  equal((await node.store.entries(again, { limit: 9 })).length, 1);
});

Deno.test("a late repeat of a deployment does not undo the revert that came meanwhile", async () => {
  const node = openDeploying();
  await deploy(node, manifestText("1.0.0"));
  await deploy(node, manifestText("2.0.0"));
  const revert = {
    ...{ namespace: "orders", name: "process", to: "1.0.0", by: "bob", reason: "late" },
    isDryRun: false,
  };
  await node.deployer.revert(revert);

  const repeated = await deploy(node, manifestText("2.0.0"));

  deepEqual([repeated.outcome, repeated.starts], ["unchanged", "1.0.0"]);
  equal(await startedVersion(node), "1.0.0");
  equal(await startedVersion(node, "2.0.0"), "2.0.0");
  const entries = await node.deployer.history(repeated, { limit: 9 });
  deepEqual(entries.map(({ kind, version, by }) => [kind, version, by]), [
    ["revert", "1.0.0", "bob"],
    ["deploy", "2.0.0", "ada"],
    ["deploy", "1.0.0", "ada"],
  ]);
  equal((await node.deployer.revert(revert)).outcome, "unchanged");
});

Deno.test("after a revert, the next version is compared with what starts take, and is above all", async () => {
  const node = openDeploying();
  await deploy(node, manifestText("1.0.0"));
  await deploy(node, manifestText("2.0.0"));
  const of = { namespace: "orders", name: "process", by: "bob", reason: "r", isDryRun: false };
  await node.deployer.revert({ ...of, to: "1.0.0" });

  const lower = deploy(node, manifestText("1.5.0"));
  await rejects(lower, codeIs("definition.not_highest"));
  const report = await deploy(node, manifestText("2.0.1"));

  equal(report.before, "1.0.0");
  equal(await startedVersion(node), "2.0.1");
});

Deno.test("what was deployed is read where documents are worked on, and here if they are too busy", async () => {
  const node = openDeploying();
  const other = openDeploying(node);
  const documents = openDocuments(openRuntime());
  const read: string[] = [];
  other.deployed.readIn({
    read(of) {
      read.push(of.text);
      if (read.length > 1) throw new TaskerError("api.busy", "others are worked on");
      return documents.read(of);
    },
  });

  for (const version of ["1.0.0", "2.0.0"]) {
    await deploy(node, manifestText(version));
    await other.deployed.refresh();
    equal(await startedVersion(other), version);
  }

  deepEqual(read, [manifestText("1.0.0"), manifestText("2.0.0")]);
});

Deno.test("only what was deployed can be reverted to", async () => {
  const node = openDeploying();
  await deploy(node, manifestText("1.0.0"));
  const of = { namespace: "orders", by: "bob", reason: "r", isDryRun: false };

  const unknown = node.deployer.revert({ ...of, name: "process", to: "0.9.0" });
  const never = node.deployer.revert({ ...of, name: "other", to: "1.0.0" });

  await rejects(unknown, codeIs("definition.unknown"));
  await rejects(never, codeIs("definition.unknown"));
});

Deno.test("a workflow that a file defines is deployed by its file alone", async () => {
  const built = buildDocument(readManifest("workflow.yaml", manifestText("1.0.0")), digest);
  const at = () => ({ file: "file:///srv/shop/workflows/process.yaml", line: 1, column: 1 });
  const node = openDeploying({ own: [{ ...built, at }] });

  const refused = await refusal(() => deploy(node, manifestText("2.0.0")));

  equal(refused.code, "definition.in_file");
  match(refused.message, /"workflows\/process\.yaml"/);
  const starts = openStarts(node.registry);
  deepEqual(["orders/process", "orders/other"].map(starts.fileOf), [
    "workflows/process.yaml",
    undefined,
  ]);
});

Deno.test("a file that comes later is what starts take; what was deployed stays for its tasks", async () => {
  const before = openDeploying();
  await deploy(before, manifestText("1.0.0"));
  await deploy(before, manifestText("2.0.0"));
  const built = buildDocument(readManifest("workflow.yaml", manifestText("1.5.0")), digest);

  const node = openDeploying({ ...before, own: [built] });
  await node.deployed.open();

  equal(await startedVersion(node), "1.5.0");
  equal((await node.registry.byHash(await hashOf(node, "2.0.0")))?.definition.version, "2.0.0");
  match(node.said.join(), /is in a file, too/);
});

async function hashOf({ store }: Deploying, version: string): Promise<string> {
  const versions = await store.versions({ namespace: "orders", name: "process" });
  return versions.find((one) => one.version === version)?.hash ?? "";
}

Deno.test("of nodes that deploy at the same time, each version is there once, in one order", async () => {
  const first = openDeploying();
  const second = openDeploying(first);
  const versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];

  const outcomes = await Promise.allSettled(
    versions.flatMap((version) => [
      deploy(first, manifestText(version)),
      deploy(second, manifestText(version)),
    ]),
  );

  const entries = await first.store.entries({ namespace: "orders", name: "process" }, {
    limit: 99,
  });
  const deployed = entries.map(({ version }) => version);
  deepEqual(deployed, deployed.toSorted().reverse());
  equal(new Set(deployed).size, deployed.length);
  equal(deployed[0], "1.3.0");
  for (const one of outcomes) {
    if (one.status === "rejected") equal(codeIs("definition.not_highest")(one.reason), true);
  }
  await second.deployed.refresh();
  equal(await startedVersion(second), "1.3.0");
});

Deno.test("a document that this server cannot load holds up its own starts, and nothing else", async () => {
  const before = openDeploying();
  await deploy(before, manifestText("1.0.0"));
  await deploy(before, manifestText("1.0.0", { name: "other" }));
  const store = Object.create(before.store, {
    newest: {
      value: async (after: number) =>
        (await before.store.newest(after)).map((one) =>
          one.name === "process" ? { ...one, text: `${one.text}\nnot_known_any_more: 1` } : one
        ),
    },
  });
  const node = openDeploying({ ...before, store });

  await node.deployed.open();

  const refused = await refusal(() => startedVersion(node));
  equal(refused.code, "definition.invalid");
  match(refused.message, /cannot load version 1\.0\.0.*not_known_any_more/s);
  equal(node.registry.find("orders/other")?.definition.version, "1.0.0");
  deepEqual(openStarts(node.registry).list().map(({ definition }) => definition.name), ["other"]);
  const hash = await hashOf(node, "1.0.0");
  equal((await node.registry.byHash(hash))?.definition.version, "1.0.0");
  match(node.said.join(), /Cannot load a deployed workflow/);
});

Deno.test("a version is what was stored under it, also where this server would read it differently", async () => {
  const before = openDeploying();
  await deploy(before, manifestText("1.0.0"));
  const hash = await hashOf(before, "1.0.0");
  const store = Object.create(before.store, {
    newest: {
      value: async (after: number) =>
        (await before.store.newest(after)).map((one) => ({
          ...one,
          text: one.text.replace("stock.reserve", "stock.take"),
        })),
    },
  });
  const node = openDeploying({ ...before, store });

  await node.deployed.open();

  const plan = node.registry.find("orders/process");
  equal(plan?.hash, hash);
  equal(plan?.definition.steps[0]?.event, "stock.reserve");
});

Deno.test("what is code, Tasker's own, or not allowed here is refused with its place", async () => {
  const node = openDeploying({
    refusals: () => [{ path: "workflow_steps[0].owner", code: "W15", detail: "not granted" }],
  });
  const code = manifestText("1.0.0", {
    namespace: "tasker",
    steps: ["{ name: local, handler: f, owner: orders }"],
  });

  const refused = await refusal(() => deploy(node, code, { file: "shop/pay.yaml" }));

  equal(refused.code, "definition.invalid");
  deepEqual(refused.faults.map(({ path, code }) => [path, code]), [
    ["namespace", "W03"],
    ["workflow_steps[0].owner", "W15"],
    ["workflow_steps[1].handler", "W16"],
  ]);
  match(refused.message, /shop\/pay\.yaml:2:12 namespace/);
  match(refused.message, /shop\/pay\.yaml:5:\d+ workflow_steps\[0\]\.owner/);
});

Deno.test("a dry run rehearses the document and reports its warnings; errors and placeholders refuse", async () => {
  const node = openDeploying();
  const isDryRun = true;
  const directory = { systems: [{ name: "stock", healthy: false, capabilities: [] }] };
  const placeholder = manifestText("1.0.0", { steps: ["{ name: pay, todo: who pays? }"] });
  const secret = manifestText("1.0.0").replace(
    "stock.reserve",
    "stock.reserve, with: { password: hunter22 }",
  );

  const report = await deploy(node, manifestText("1.0.0"), { isDryRun, directory });
  const unfinished = await refusal(() => deploy(node, placeholder, { isDryRun }));
  const leaking = await refusal(() => deploy(node, secret));
  const unknown = await refusal(() =>
    deploy(node, manifestText("1.0.0"), { directory: { systems: [] } })
  );

  deepEqual(report.problems.map(({ code }) => code), ["W14"]);
  equal(report.rehearsal?.runs[0]?.end, "completed");
  deepEqual(unfinished.faults.map(({ code }) => code), ["W16"]);
  match(unfinished.message, /workflow\.yaml:6:24 workflow_steps\[1\]\.todo/);
  deepEqual(leaking.faults.map(({ code }) => code), ["W41"]);
  deepEqual(unknown.faults.map(({ code }) => code), ["W10"]);
  equal((await node.store.entries(report, { limit: 9 })).length, 0);
});
