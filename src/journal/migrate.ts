/** Migrate: brings the schema up to this version, once, however many nodes start at the same time. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { PostgresDatabase } from "./database.ts";
import { MIGRATIONS } from "./migrations.ts";

/** The advisory lock of all migrations; any number that nobody else uses. */
const LOCK = 7_461_736;

/** How long and how often a start waits for another one's migrations. */
const WAITS_MAX = 30;

const LEDGER = `
  create table if not exists tasker.migration (
    name text primary key,
    digest text not null,
    applied_at timestamptz not null default now()
  )`;

/**
 * Applies what is missing, each migration in the one transaction that holds the lock.
 *
 * @throws {TaskerError} definition.changed when an applied file differs from ours
 * @throws {TaskerError} journal.unavailable
 */
export async function migrate(database: PostgresDatabase, runtime: Runtime): Promise<void> {
  for (let waits = 0;; waits++) {
    try {
      return await database.transaction(async (query) => {
        await query(`select pg_advisory_xact_lock(${LOCK})`);
        await query("create schema if not exists tasker");
        await query(LEDGER);
        const applied = await query("select name, digest from tasker.migration");
        const digests = new Map(applied.map((row) => [String(row.name), String(row.digest)]));
        for (const { name, text } of MIGRATIONS) {
          const digest = runtime.digest(text);
          if (digests.get(name) === digest) continue;
          if (digests.has(name)) throw changed(name);
          await query(text);
          await query("insert into tasker.migration (name, digest) values ($1, $2)", [
            name,
            digest,
          ]);
        }
      });
    } catch (error) {
      const isWaiting = error instanceof TaskerError && error.code === "journal.unavailable";
      if (!isWaiting || waits >= WAITS_MAX) throw error;
      await new Promise<void>((wake) => runtime.after(1_000, wake));
    }
  }
}

function changed(name: string): TaskerError {
  return new TaskerError(
    "definition.changed",
    `Cannot migrate: "${name}" was applied with other contents than this version has`,
  );
}
