/** Entries: rows that wait to be flushed, encoded as text, with the callbacks for their outcome. */

import type { TaskerError } from "../core/errors.ts";
import { type Incarnation, mintedAtMs, slotOf } from "../core/ids.ts";
import type { Appended, RowlessEntry, TurnRow } from "../core/ports.ts";
import { encodeTurn } from "./codec.ts";
import { MINTED_APART_MS } from "./list_candidates.ts";

/** No JSON holds this character, so it can stand between the texts of events. */
const BETWEEN = "\u001f";

/** A row, or an answer without one. */
export interface Entry {
  /** Undefined: it comes without a row. */
  readonly row: TurnRow | undefined;
  /** The row's events; empty without one. */
  readonly events: string;
  /** The JSON of what it brings with it; undefined: nothing. */
  readonly effects: string | undefined;
  settle(appended: Appended): void;
  reject(error: unknown): void;
}

/** Makes the entry of a turn. Encodes it: what changes later is not seen. */
export function entryOfRow(row: TurnRow): { entry: Entry; appended: Promise<Appended> } {
  const { promise, resolve, reject } = Promise.withResolvers<Appended>();
  const events = encodeTurn(row.taskId, row);
  const entry = { row, events, effects: effectsOf(row), settle: resolve, reject };
  return { entry, appended: promise };
}

/** Makes the entry of an answer without a row; resolves with whether the node row was found. */
export function entryOfRowless(
  rowless?: RowlessEntry,
): { entry: Entry; isAlive: Promise<boolean> } {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const settle = (appended: Appended) => {
    if ("error" in appended) reject(appended.error satisfies TaskerError);
    else resolve(appended.kind === "inserted");
  };
  const effects = rowless === undefined ? undefined : rowlessEffects(rowless);
  return { entry: { row: undefined, events: "", effects, settle, reject }, isAlive: promise };
}

function rowlessEffects({ taskId, inbox, answers }: RowlessEntry): string | undefined {
  if (inbox.length === 0 && answers.length === 0) return undefined;
  return JSON.stringify({ task_id: taskId, slot: slotOf(taskId), inbox, answers });
}

/** How much an entry adds to a statement, in characters. */
export function sizeOf({ events, effects }: Entry): number {
  return events.length + (effects?.length ?? 0);
}

/** The parameters of the append statement. Arrays as Postgres writes them: ids need no quotes. */
export function parametersOf(incarnation: Incarnation, entries: readonly Entry[]): string[] {
  const tasks: string[] = [];
  const turns: number[] = [];
  const appends: string[] = [];
  const events: string[] = [];
  const effects: string[] = [];
  for (const entry of entries) {
    if (entry.effects !== undefined) effects.push(entry.effects);
    if (entry.row === undefined) continue;
    tasks.push(entry.row.taskId);
    turns.push(entry.row.turn);
    appends.push(entry.row.appendId);
    events.push(entry.events);
  }
  return [
    incarnation,
    `{${tasks}}`,
    `{${turns}}`,
    `{${appends}}`,
    events.join(BETWEEN),
    `[${effects}]`,
  ];
}

function effectsOf(row: TurnRow): string | undefined {
  const { taskId, appendId, birth, change, inbox, answers, sends = [] } = row;
  const hasNone = birth === undefined && change === undefined && inbox.length === 0 &&
    answers.length === 0 && sends.length === 0;
  if (hasNone) return undefined;
  return JSON.stringify({
    append_id: appendId,
    task_id: taskId,
    slot: slotOf(taskId),
    ...(birth && {
      namespace: birth.namespace,
      workflow: birth.workflow,
      version: birth.version,
      definition_hash: birth.definitionHash,
      tags: birth.tags,
      key: birth.key,
      body_hash: birth.bodyHash,
      created_ms: birth.createdAtMs,
      minted_apart: Math.abs(birth.createdAtMs - mintedAtMs(taskId)) > MINTED_APART_MS,
    }),
    ...(change && {
      state: change.state,
      blocked_reason: change.blockedReason,
      resident: change.resident,
      wake_ms: change.wakeAtMs,
      ended_ms: change.endedAtMs,
      labels: change.labels,
    }),
    ...(sends.length > 0 && { sends }),
    ...(inbox.length > 0 && { inbox }),
    ...(answers.length > 0 && { answers }),
  });
}
