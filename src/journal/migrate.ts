/** Migrate: brings the schema up to this version, once, however many nodes start at the same time. */

import { wait } from "../core/backoff.ts";
import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { PostgresDatabase } from "./database.ts";
import type { Query } from "./pg_connection.ts";
import { codeOf, errorOf } from "./sqlstate.ts";
import nodes from "./sql/0001_nodes.sql" with { type: "text" };
import tasks from "./sql/0002_tasks.sql" with { type: "text" };
import journal from "./sql/0003_journal.sql" with { type: "text" };
import inbox from "./sql/0004_inbox.sql" with { type: "text" };
import definitions from "./sql/0005_definitions.sql" with { type: "text" };
import keys from "./sql/0006_keys.sql" with { type: "text" };
import views from "./sql/0007_history_views.sql" with { type: "text" };
import bus from "./sql/0008_bus.sql" with { type: "text" };
import keySystems from "./sql/0009_key_systems.sql" with { type: "text" };
import eventView from "./sql/0010_event_view.sql" with { type: "text" };
import eventFormats from "./sql/0011_event_formats.sql" with { type: "text" };
import busChannels from "./sql/0012_bus_channels.sql" with { type: "text" };
import inboxStorage from "./sql/0013_inbox_storage.sql" with { type: "text" };
import lists from "./sql/0014_lists.sql" with { type: "text" };
import listKeys from "./sql/0015_list_keys.sql" with { type: "text" };
import attendance from "./sql/0033_attendance.sql" with { type: "text" };
import sharedStates from "./sql/0016_shared_states.sql" with { type: "text" };
import taskOutput from "./sql/0017_task_output.sql" with { type: "text" };
import systems from "./sql/0018_systems.sql" with { type: "text" };
import forcedVersions from "./sql/0019_forced_versions.sql" with { type: "text" };
import deadLetters from "./sql/0020_dead_letters.sql" with { type: "text" };
import nodeBus from "./sql/0021_node_bus.sql" with { type: "text" };
import canaries from "./sql/0022_canaries.sql" with { type: "text" };
import choices from "./sql/0023_choices.sql" with { type: "text" };
import heldStarts from "./sql/0024_held_starts.sql" with { type: "text" };
import deployments from "./sql/0026_deployments.sql" with { type: "text" };
import audit from "./sql/0027_audit.sql" with { type: "text" };
import stepLog from "./sql/0030_step_log.sql" with { type: "text" };
import sessions from "./sql/0028_sessions.sql" with { type: "text" };
import labels from "./sql/0029_labels.sql" with { type: "text" };
import readViews from "./sql/0031_read_views.sql" with { type: "text" };
import listOrder from "./sql/0032_list_order.sql" with { type: "text" };
import nodeFacts from "./sql/0034_node_facts.sql" with { type: "text" };
import stepStatistics from "./sql/0025_step_statistics.sql" with { type: "text" };

/** One migration; its name is its file's. */
export interface Migration {
  readonly name: string;
  readonly text: string;
  /** Whether versions that do not know it may not run any more. */
  readonly isBreaking?: boolean;
}

/** All migrations that this version knows. */
export const MIGRATIONS: readonly Migration[] = [
  { name: "0001_nodes", text: nodes },
  { name: "0002_tasks", text: tasks },
  { name: "0003_journal", text: journal },
  { name: "0004_inbox", text: inbox },
  { name: "0005_definitions", text: definitions },
  { name: "0006_keys", text: keys },
  { name: "0007_history_views", text: views },
  { name: "0008_bus", text: bus },
  { name: "0009_key_systems", text: keySystems },
  { name: "0010_event_view", text: eventView },
  { name: "0011_event_formats", text: eventFormats },
  { name: "0012_bus_channels", text: busChannels },
  { name: "0013_inbox_storage", text: inboxStorage },
  { name: "0014_lists", text: lists },
  // Versions before rely on the triggers that it removes.
  { name: "0015_list_keys", text: listKeys, isBreaking: true },
  { name: "0016_shared_states", text: sharedStates },
  { name: "0017_task_output", text: taskOutput },
  { name: "0018_systems", text: systems },
  { name: "0019_forced_versions", text: forcedVersions },
  { name: "0020_dead_letters", text: deadLetters },
  { name: "0021_node_bus", text: nodeBus },
  { name: "0022_canaries", text: canaries },
  { name: "0023_choices", text: choices },
  { name: "0024_held_starts", text: heldStarts },
  { name: "0025_step_statistics", text: stepStatistics },
  { name: "0026_deployments", text: deployments },
  { name: "0027_audit", text: audit },
  { name: "0028_sessions", text: sessions },
  { name: "0029_labels", text: labels },
  { name: "0030_step_log", text: stepLog },
  { name: "0031_read_views", text: readViews },
  // Versions before write and read the lists in another form.
  { name: "0032_list_order", text: listOrder, isBreaking: true },
  { name: "0033_attendance", text: attendance },
  { name: "0034_node_facts", text: nodeFacts },
];

/** The advisory lock of all migrations; any number that nobody else uses. */
const LOCK = 7_461_736;

/** Building an index takes long; other starts wait for it. */
const MIGRATION_MS_MAX = 600_000;

/** A change of a table in use waits this long for its lock, and what comes after waits behind it. */
const LOCK_MS_MAX = 2_000;

/** How often a start tries, and how long it waits in between: together longer than a lease. */
const TRIES_MAX = 12;
const AGAIN_MS = 1_000;

/** A refused login or a database that does not exist is not retried. */
const REFUSED = /^(28|3D)/;

/** What was applied. Written by migrations, never changed. */
const LEDGER = `
  create table if not exists tasker.migration (
    name text primary key,
    digest text not null,
    is_breaking boolean not null,
    applied_at timestamptz not null default now()
  )`;

/**
 * Applies what is missing, in the one transaction that holds the lock. Safe to repeat.
 *
 * A schema with migrations that this version does not know is accepted, unless one is breaking.
 *
 * @throws {TaskerError} journal.format_unknown: the schema is a newer version's, or a file that was
 *   applied has changed
 * @throws {TaskerError} journal.unavailable
 */
export async function migrate(
  database: PostgresDatabase,
  runtime: Runtime,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  // A transaction waits for a server that is away as long as a migration may take; this does not.
  await untilAvailable(runtime, () => database.query("select 1"));
  const session = { statement_timeout: MIGRATION_MS_MAX, lock_timeout: MIGRATION_MS_MAX };
  const connection = database.connect("migrate", { deadlineMs: MIGRATION_MS_MAX, session });
  try {
    await untilAvailable(
      runtime,
      () => connection.transaction((query) => apply(query, runtime, migrations)),
    );
  } finally {
    await connection.close();
  }
}

async function untilAvailable(runtime: Runtime, act: () => Promise<unknown>): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return void await act();
    } catch (thrown) {
      const error = errorOf(thrown);
      const isOver = tries === TRIES_MAX || REFUSED.test(codeOf(error.cause));
      if (error.code !== "journal.unavailable" || isOver) throw error;
      await wait(runtime, AGAIN_MS);
    }
  }
}

async function apply(
  query: Query,
  runtime: Runtime,
  migrations: readonly Migration[],
): Promise<void> {
  // Behind a pooler the connection sets nothing, and what the role has is meant for short statements.
  await query(`set local statement_timeout = ${MIGRATION_MS_MAX}`);
  await query(`set local lock_timeout = ${MIGRATION_MS_MAX}`);
  await query(`select pg_advisory_xact_lock(${LOCK})`);
  await query(`set local lock_timeout = ${LOCK_MS_MAX}`);
  await query("create schema if not exists tasker");
  await query(LEDGER);
  const applied = await query("select name, digest, is_breaking from tasker.migration");
  const digests = new Map(applied.map((row) => [String(row.name), String(row.digest)]));
  const known = new Set(migrations.map(({ name }) => name));
  for (const { name, is_breaking } of applied) {
    if (is_breaking === true && !known.has(String(name))) throw tooNew(String(name));
  }
  for (const { name, text, isBreaking = false } of migrations) {
    const digest = runtime.digest(text);
    if (digests.get(name) === digest) continue;
    if (digests.has(name)) throw changed(name);
    if (isBreaking) await demandNoNode(query, name);
    await query(text);
    await query(
      "insert into tasker.migration (name, digest, is_breaking) values ($1, $2, $3)",
      [name, digest, isBreaking],
    );
  }
}

/** Older nodes could not go on, so they must be stopped first. The lease of a dead node ends. */
async function demandNoNode(query: Query, name: string): Promise<void> {
  const [found] = await query("select to_regclass('tasker.node') is not null as has_nodes");
  if (found?.has_nodes !== true) return;
  const running = await query(
    "select name from tasker.node where expires_at > now() order by name",
  );
  if (running.length === 0) return;
  const names = running.map((row) => `"${row.name}"`).join(", ");
  throw new TaskerError(
    "journal.unavailable",
    `Cannot upgrade the schema to "${name}": nodes of an older version are running (${names}), ` +
      "and they cannot work with it; stop them, and start this one again",
  );
}

function tooNew(name: string): TaskerError {
  return new TaskerError(
    "journal.format_unknown",
    `Cannot use the schema: a newer version has applied "${name}", which this version does not know; start a newer one`,
  );
}

function changed(name: string): TaskerError {
  return new TaskerError(
    "journal.format_unknown",
    `Cannot migrate: "${name}" was applied with contents that differ from this version's file`,
  );
}
