/** Opens everything that lives in Postgres, for one incarnation of a node. */

import type { Incarnation } from "../core/ids.ts";
import type { Runtime } from "../core/ports.ts";
import { PostgresDatabase } from "./database.ts";
import { PostgresDeadLetters } from "./dead_letters.ts";
import { PostgresDefinitions, PostgresPolicies } from "./definitions.ts";
import { PostgresHistory } from "./history.ts";
import { PostgresKeys } from "./keys.ts";
import { migrate } from "./migrate.ts";
import { backendsOf, PostgresNodes } from "./nodes.ts";
import { Writer } from "./writer.ts";

/** How to open the journal. */
export interface JournalOptions {
  readonly url: string;
  readonly runtime: Runtime;
  readonly incarnation: Incarnation;
  /** False behind a pooler in transaction mode. */
  readonly prepare?: boolean;
  /** Takes what a person should know; holds no payloads. */
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
  const database = new PostgresDatabase({ url, runtime, name: backendsOf(incarnation), prepare });
  await migrate(database, runtime);
  const control = database.link("control", 1);
  const renewal = database.link("renew", 1);
  const journal = new Writer(
    { runtime, incarnation, link: database.link("write", 1), control, warn: onWarning },
    database,
  );
  return {
    database,
    journal,
    nodes: new PostgresNodes({ runtime, database, link: renewal, incarnation }),
    history: new PostgresHistory(database),
    definitions: new PostgresDefinitions(database),
    policies: new PostgresPolicies(database),
    keys: new PostgresKeys(database),
    deadLetters: new PostgresDeadLetters(database),
    async close(): Promise<void> {
      await Promise.all([journal.close(), renewal.close(), database.close()]);
    },
  };
}
