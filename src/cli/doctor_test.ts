import { deepEqual, equal, match } from "node:assert/strict";
import { VERSION } from "../server/version.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import { deadLetterOf } from "../../tests/support/fake_dead_letters.ts";

function health(isWell: boolean) {
  const action = "Check DATABASE_URL and the database's log";
  const detail = isWell ? "2 ms" : "no answer";
  const check = { name: "database", ok: isWell, detail, ...(isWell ? {} : { action }) };
  return {
    node: "node-1",
    version: VERSION,
    notReady: () => Promise.resolve(undefined),
    checks: [{ name: "database", action, look: () => Promise.resolve(check) }],
  };
}

Deno.test("doctor says that all is well, one line a thing", async () => {
  const cli = openCliHarness({ deps: { health: health(true) } });

  deepEqual(await cli.say("doctor"), {
    code: 0,
    out: [
      "✓ address       http://tasker.test (from .tasker/address) answers",
      "✓ key           from .tasker/admin.key, accepted",
      `✓ version       ${VERSION}`,
      "✓ clock         differs by 0 ms from the server's",
      "✓ node          node-1 accepts requests",
      "✓ database      2 ms",
      "✓ tasks         none is blocked",
      "✓ systems       all circuits are closed",
      "✓ dead letters  none",
      "",
      "all is well",
    ],
    err: [],
  });
});

Deno.test("doctor says what to do about each thing that is not well", async () => {
  const bank = {
    name: "bank",
    kind: "remote",
    workflows: [],
    instances: [],
  } as const;
  const cli = openCliHarness({
    deps: {
      health: { ...health(false), version: "9.9.9", notReady: () => Promise.resolve("it drains") },
      systems: () => [
        { ...bank, circuit: "open" },
        { ...bank, name: "shipper", circuit: "closed" },
      ],
      queueOf: ({ name }) => Promise.resolve({ queued: undefined, hasWorker: name === "bank" }),
    },
  });
  cli.fake.letters.push(deadLetterOf("d1", { channel: "c" }));
  const atMs = cli.fake.runtime.now();
  const id = await cli.fake.started();
  const attempt = { atMs, step: 0, attempt: 1, policyVersion: 0 };
  cli.fake.engine.commit(id, { kind: "StepStarted", ...attempt, waitedMs: 0 }, {
    kind: "StepParked",
    ...attempt,
    ranMs: 1,
    reason: "attempts_exhausted",
    choices: ["retry"],
  });

  const { code, out } = await cli.say("doctor");

  deepEqual([code, out.slice(2)], [1, [
    `! version       the server is 9.9.9, this command ${VERSION}`,
    "                → use the command line of the same version as the server if something looks wrong",
    "✓ clock         differs by 0 ms from the server's",
    "✗ node          node-1 it drains",
    "                → wait until it is ready, or use another node",
    "✗ database      no answer",
    "                → Check DATABASE_URL and the database's log",
    "! tasks         1 blocked: they wait for a person",
    "                → deno task tasker list --state blocked",
    "! systems       their circuits are open, because they fail: bank",
    "                → repair them; the circuits then close by themselves",
    "! systems       no worker has ever connected: shipper; their steps wait for one",
    "                → start their workers",
    "! dead letters  1",
    "                → deno task tasker dead",
    "",
    "2 to fix",
  ]]);
});

Deno.test("doctor names the first of many systems, and says how many more there are", async () => {
  const systems = Array.from({ length: 100 }, (_, at) => ({
    name: `bank-${at}`,
    kind: "remote",
    workflows: [],
    instances: [],
    circuit: "open",
  } as const));
  const cli = openCliHarness({ deps: { health: health(true), systems: () => systems } });

  const { out } = await cli.say("doctor");

  const names = Array.from({ length: 8 }, (_, at) => `bank-${at}`).join(", ");
  deepEqual(out.filter((line) => line.includes("bank-")), [
    `! systems       their circuits are open, because they fail: ${names} and 92 more`,
  ]);
});

Deno.test("doctor keeps what is worth a look apart from what is broken", async () => {
  const cli = openCliHarness({ deps: { health: health(true) } });
  cli.fake.letters.push(deadLetterOf("d1", { channel: "c" }));

  const { code, out } = await cli.say("doctor");

  deepEqual([code, ...out.slice(-4)], [
    0,
    "! dead letters  1",
    "                → deno task tasker dead",
    "",
    "nothing is broken; 1 worth a look",
  ]);
});

Deno.test("doctor says which of address and key is wrong, and where it comes from", async () => {
  const nowhere = openCliHarness({ env: { TASKER_DATA: "/nowhere" } });
  const down = openCliHarness();
  down.isUp = false;
  const keyless = openCliHarness({ env: { TASKER_URL: "http://tasker.test" } });
  const wrong = openCliHarness({ files: { ".tasker/admin.key": "tasker_of_another_database" } });

  deepEqual((await nowhere.say("doctor")).out, [
    "✗ address  TASKER_URL is not set, and there is no file /nowhere/address",
    "           → start a server here with `deno task serve`, or set TASKER_URL",
    "",
    "1 to fix",
  ]);
  deepEqual((await down.say("doctor")).out, [
    "✗ address  Cannot reach http://tasker.test: refused (from .tasker/address)",
    "           → the server that wrote this file has stopped: start one with `deno task serve`",
    "",
    "1 to fix",
  ]);
  deepEqual((await keyless.say("doctor")).out, [
    "✓ address  http://tasker.test (from TASKER_URL) answers",
    "✗ key      TASKER_KEY is not set, and .tasker/admin.key is not sent to other hosts",
    "           → set TASKER_KEY to a key; `deno task serve` printed the first one",
    "",
    "1 to fix",
  ]);
  deepEqual((await wrong.say("doctor")).out.slice(1, 3), [
    "✗ key      Cannot use the API key: it is not known (from .tasker/admin.key)",
    "           → the file holds the key of another database: set TASKER_KEY to a key of this server",
  ]);
});

Deno.test("doctor calls a server that answers nothing hung, and not stopped", async () => {
  const cli = openCliHarness();
  cli.isHung = true;

  const { code, out } = await cli.say("doctor");

  equal(code, 1);
  match(out[0] ?? "", /^✗ address .*no answer for \d+ ms/);
  match(out[1] ?? "", /the server runs and does not answer: its event loop hangs/);
});

Deno.test("doctor --json gives its findings to programs", async () => {
  const { code, out } = await openCliHarness().say("doctor", "--json");

  const { ok, findings } = JSON.parse(out[0] ?? "");
  deepEqual([code, ok, findings[0]], [0, true, {
    name: "address",
    is: "good",
    detail: "http://tasker.test (from .tasker/address) answers",
  }]);
});
