/** The migrations, in order. A file that was applied is never changed. */

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
];
