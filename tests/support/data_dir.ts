/**
 * Folders in which tests keep the data of servers. Every uid reaches them, so that the Postgres of a
 * test that root runs is in them, too; and what a killed test left is ended and removed by the next.
 */

import { stopUnused } from "../../src/postgres/embedded.ts";
import { commandOf } from "../../src/postgres/process.ts";
import { until } from "../../src/postgres/retry_for.ts";

/** One folder a process of tests, named by its number. */
const ALL = `${Deno.env.get("TMPDIR") ?? "/tmp"}/tasker-tests-${Deno.uid() ?? 0}`;
const OWN = `${ALL}/${Deno.pid}`;

/** A server of a killed test drains first. */
const END_MS_MAX = 60_000;

/** Makes an empty folder. Remove it when the test is over. */
export function makeDataDir(name: string): string {
  Deno.mkdirSync(OWN, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: OWN, prefix: `${name}-` });
  for (const folder of [ALL, OWN, path]) Deno.chmodSync(folder, 0o755);
  return Deno.realPathSync(path);
}

async function removeAbandoned(): Promise<void> {
  for await (const { name } of foldersIn(ALL)) {
    const command = await commandOf(Number(name));
    if (command?.includes("deno")) continue;
    for await (const { name: dataDir } of foldersIn(`${ALL}/${name}`)) {
      await end(`${ALL}/${name}/${dataDir}`);
    }
    await Deno.remove(`${ALL}/${name}`, { recursive: true }).catch(() => {}); // or another run did
  }
}

async function* foldersIn(path: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Ends the server that a test left, its launcher with it, and the Postgres that both used. */
async function end(dataDir: string): Promise<void> {
  const pid = Number(await Deno.readTextFile(`${dataDir}/server.pid`).catch(() => ""));
  const isServer = async () => pid > 0 && (await commandOf(pid))?.includes("src/server/main.ts");
  if (await isServer()) {
    Deno.kill(pid, "SIGTERM");
    await until(async () => await isServer() ? undefined : true, { withinMs: END_MS_MAX });
  }
  await stopUnused(dataDir).catch((error) => console.error(`${dataDir} stays: ${error}`));
}

await removeAbandoned();
globalThis.addEventListener("unload", () => {
  try {
    Deno.removeSync(OWN);
  } catch { /* never made, or a test keeps something in it */ }
});
