/** Real servers over one Postgres are upgraded while an incident of the version before is open. */

import { deepEqual, match } from "node:assert/strict";
import { openClient } from "../../src/client.ts";
import { CHARGES, Charges, registerCharges } from "../support/charges.ts";
import { makeDataDir } from "../support/data_dir.ts";
import { makeDatabase } from "../support/postgres.ts";
import { serve, type Served, until } from "../support/serve.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What a server is made of; without the library of ffi/target it uses the twin of it. */
const PARTS = ["src", "actors", "deno.json", "deno.lock"];

/** How long all is well at first, and what is waited for at most. */
const WELL_MS = 30_000;
const TRIED_MS_MAX = 120_000;
const TAKEN_BACK_MS_MAX = 60_000;

const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

/** Copies this repository, as it was when the workflow of incidents had another version. */
async function makeOlder(folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const parts = PARTS.map((one) => ROOT + one);
  const { code } = await new Deno.Command("cp", { args: ["-r", ...parts, folder] }).output();
  if (code !== 0) throw new Error(`cp ended with code ${code}`);
  await Deno.mkdir(`${folder}/ffi`);
  for await (const { name, isFile } of Deno.readDir(`${ROOT}ffi`)) {
    if (isFile) await Deno.copyFile(`${ROOT}ffi/${name}`, `${folder}/ffi/${name}`);
  }
  const path = `${folder}/src/heal/incident.ts`;
  const text = await Deno.readTextFile(path);
  const older = text.replace(/version: "\d+\.\d+\.\d+"/, 'version: "1.0.1"');
  if (older === text) throw new Error(`${path} says no version any more`);
  await Deno.writeTextFile(path, older);
  return folder;
}

async function policyOf(server: Served) {
  const of = { namespace: "charges", name: "kept" };
  const { versions } = await openClient(server).call("getPolicy", of);
  return versions.toReversed();
}

async function incidentsOf(server: Served) {
  const { incidents } = await openClient(server).call("listIncidents", {
    workflow: "charges/kept",
  });
  return incidents;
}

Deno.test("an upgrade cancels an incident of the version before, and takes back what it tries", async () => {
  const dataDir = makeDataDir("incident-upgrade");
  const { url } = await makeDatabase();
  const env = {
    DATABASE_URL: url,
    TASKER_WORKFLOWS: CHARGES,
    TASKER_HEAL_WINDOW: "10s",
    TASKER_LOG: "warn",
  };
  try {
    const servers: Served[] = [];
    await using old = await serve({ dataDir, env, project: await makeOlder(`${dataDir}/older`) });
    servers.push(old);
    await registerCharges(openClient(old));
    await using charges = new Charges(() => servers, 1);
    await pause(WELL_MS);
    charges.refuse();
    const [first] = await until("an incident that tries a change", TRIED_MS_MAX, async () => {
      const [newest] = (await policyOf(old)).toReversed();
      return newest?.canary === undefined ? undefined : await incidentsOf(old);
    });

    await using upgraded = await serve({ dataDir, env });
    servers.splice(0, 1, upgraded);
    await old[Symbol.asyncDispose]();
    const versions = await until("the end of the trial", TAKEN_BACK_MS_MAX, async () => {
      const all = await policyOf(upgraded);
      return all.at(-1)?.canary === undefined ? all : undefined;
    });
    const task = await openClient(upgraded).get(first?.id ?? "");

    deepEqual(
      [task.state, versions.at(-1)?.steps, versions.at(-1)?.by],
      ["cancelled", {}, "tasker"],
    );
    match(
      versions.at(-1)?.reason ?? "",
      new RegExp(`^Incident ${first?.id} takes back: this server has no code for its version`),
    );
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
