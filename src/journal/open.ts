/** Opens everything that lives in Postgres, for one incarnation of a node. */

import type { Incarnation } from "../core/ids.ts";
import { PostgresStepLogs } from "./step_logs.ts";
import type { Notes, Runtime } from "../core/ports.ts";
import { PostgresAudit } from "./audit.ts";
import { connectionsOf } from "./pg_connection.ts";
import { PostgresDatabase } from "./database.ts";
import { PostgresDeadLetters } from "./dead_letters.ts";
import { PostgresDefinitions } from "./definitions.ts";
import { PostgresDeployments } from "./deployments.ts";
import { guardProcess } from "./pg_client.ts";
import { PostgresExports, PostgresHistory } from "./history.ts";
import { PostgresKeys } from "./keys.ts";
import { PostgresSessions } from "./sessions.ts";
import { migrate } from "./migrate.ts";
import { PostgresNodes } from "./nodes.ts";
import { type KeptBy, maintain, type Maintained, type Maintenance } from "./maintenance.ts";
import { PostgresPolicies } from "./policies.ts";
import { PostgresSharedStates } from "./shared_states.ts";
import { PostgresSystems } from "./systems.ts";
import { PostgresStatistics } from "./statistics.ts";
import { PostgresAttendance } from "./attendance.ts";
import { PostgresTaskReader } from "./task_reader.ts";
import { Writer } from "./writer.ts";

/** The channel of notes between nodes. */
const NOTES_CHANNEL = "tasker_notes";

/** How to open the journal. */
export interface JournalOptions {
  readonly url: string;
  readonly runtime: Runtime;
  readonly incarnation: Incarnation;
  /** False behind a pooler in transaction mode. */
  readonly prepare?: boolean;
  /** Called with warnings for the log; they hold no payloads. */
  readonly onWarning: (text: string, error: unknown) => void;
}

/** The journal and what stands beside it. */
export type OpenJournal = Awaited<ReturnType<typeof openJournal>>;

/**
 * Opens the journal and brings its schema up to date.
 *
 * @throws {TaskerError} journal.unavailable, definition.changed
 */
export async function openJournal(options: JournalOptions) {
  const { url, runtime, incarnation, onWarning, prepare = true } = options;
  guardProcess(onWarning);
  const name = connectionsOf(incarnation);
  const database = new PostgresDatabase({ url, runtime, name, prepare });
  const prepared = migrate(database, runtime).then(() => database.demandSettings());
  await prepared.catch(async (error) => {
    await database.close();
    throw error;
  });
  const control = database.connect("control");
  const renewal = database.connect("renew");
  const moves = database.connect("move");
  const journal = new Writer({
    runtime,
    incarnation,
    connection: database.connect("write", { session: { plan_cache_mode: "auto" } }),
    control,
    database,
    warn: onWarning,
  });
  const kept: KeptBy = new Map();
  return {
    database,
    journal,
    nodes: new PostgresNodes({ runtime, incarnation, database, renewal, moves }),
    history: new PostgresHistory(database, database.of("list")),
    exports: new PostgresExports(database.of("export")),
    tasks: new PostgresTaskReader(database.of("learn")),
    statistics: new PostgresStatistics(database.of("learn"), incarnation),
    definitions: new PostgresDefinitions(database),
    deployments: new PostgresDeployments(database),
    policies: new PostgresPolicies(database),
    sharedStates: new PostgresSharedStates(database),
    attendance: new PostgresAttendance(database),
    keys: new PostgresKeys(database.of("key")),
    sessions: new PostgresSessions(database.of("key")),
    systems: new PostgresSystems(database, runtime),
    notes: notesOver(database),
    audit: new PostgresAudit(database),
    stepLogs: new PostgresStepLogs(database),
    deadLetters: new PostgresDeadLetters(database, runtime),
    /** Makes partitions ahead and drops old ones; once an hour is enough. */
    maintain: (when: Maintenance): Promise<Maintained> => maintain(database, when, kept),
    async close(): Promise<void> {
      await Promise.all([journal, renewal, moves, database].map((part) => part.close()));
    },
  };
}

/** Notes by NOTIFY; behind a pooler in transaction mode none is heard. */
function notesOver(database: PostgresDatabase): Notes {
  return {
    publish: async (text) =>
      void await database.query("select pg_notify($1, $2)", [NOTES_CHANNEL, text]),
    listen: (call) => database.listen(NOTES_CHANNEL, call),
  };
}
