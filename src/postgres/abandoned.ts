/**
 * A program of its own that ends what a dead launcher left: its server, when that does not end by
 * itself, and Postgres, when nobody uses it. The keeper runs it.
 */

import { stopUnused } from "./embedded.ts";
import { pause } from "./retry_for.ts";
import { commandOf } from "./process.ts";

/** A launcher that is started again within this takes Postgres as it is. */
const GRACE_MS = 10_000;

/** How often the server is looked for. */
const LOOK_MS = 500;

async function endServer(pid: number, withinMs: number): Promise<void> {
  for (let waitedMs = 0; await commandOf(pid) !== undefined; waitedMs += LOOK_MS) {
    if (waitedMs >= withinMs) return Deno.kill(pid, "SIGKILL");
    await pause(LOOK_MS);
  }
}

const [dataDir = "", pid, withinMs] = Deno.args;
if (pid !== undefined) await endServer(Number(pid), Number(withinMs));
await pause(GRACE_MS);
await stopUnused(dataDir);
