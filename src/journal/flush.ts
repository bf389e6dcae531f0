/** One flush: rows and rowless entries into the journal, until the outcome of each is known. */

import { type TaskerError } from "../core/errors.ts";
import { type Incarnation, slotOf } from "../core/ids.ts";
import type { Appended, RowlessEntry, Runtime, TurnRow } from "../core/ports.ts";
import { encodeTurn } from "./codec.ts";
import { errorOf, type Link, meaningOf, type Row } from "./link.ts";
import append from "./sql/append.sql" with { type: "text" };
import look from "./sql/look.sql" with { type: "text" };
import terminate from "./sql/terminate.sql" with { type: "text" };

/** Rest between two tries at the same rows: at first short, then longer. */
const AGAIN_MS_MIN = 20;
const AGAIN_MS_MAX = 2_000;

/** How often a backend that was told to end is looked for. */
const TERMINATE_LOOKS_MAX = 20;

/** What waits to be flushed, as text, with who is told its outcome. */
export interface Entry {
  readonly taskId: string;
  /** Undefined: a rowless entry. */
  readonly row: TurnRow | undefined;
  /** The JSON of the record that the statement takes. */
  readonly text: string;
  readonly settle: (appended: Appended) => void;
}

/** What flushing works with. */
export interface FlushParts {
  readonly runtime: Runtime;
  readonly incarnation: Incarnation;
  /** The one connection of the writer. */
  readonly link: Link;
  /** Another connection, for ending lost backends and for looking. */
  readonly control: Link;
  /** Counts a query and its bytes. */
  count(bytes: number): void;
  warn(text: string, error: unknown): void;
}

/** Makes the entry of a turn. Encodes it: what changes later is not seen. */
export function entryOfRow(row: TurnRow, settle: Entry["settle"]): Entry {
  const { taskId, turn, appendId, birth, change, inbox, answers } = row;
  const record: Record<string, unknown> = {
    task: taskId,
    turn,
    append: appendId,
    events: encodeTurn(row),
    slot: slotOf(taskId),
  };
  if (birth !== undefined) {
    record.ns = birth.namespace;
    record.wf = birth.workflow;
    record.ver = birth.version;
    record.hash = birth.definitionHash;
    record.tags = birth.tags;
    record.key = birth.key;
    record.body = birth.bodyHash;
    record.born = birth.createdAtMs;
  }
  if (change !== undefined) {
    record.state = change.state;
    record.why = change.blockedReason;
    record.live = change.resident;
    record.wake = change.wakeAtMs;
    record.ended = change.endedAtMs;
  }
  if (inbox.length > 0) record.inbox = inbox;
  if (answers.length > 0) record.answers = answers;
  return { taskId, row, text: JSON.stringify(record), settle };
}

/** Makes the entry of an answer without a row. */
export function entryOfRowless(entry: RowlessEntry, settle: Entry["settle"]): Entry {
  const { taskId, inbox, answers } = entry;
  const record = { task: taskId, slot: slotOf(taskId), inbox, answers };
  return { taskId, row: undefined, text: JSON.stringify(record), settle };
}

/**
 * Flushes entries; resolves when each is settled.
 *
 * A data error halves the batch until the guilty row fails alone. An unknown outcome ends the own
 * backend by name and sends the same rows again, with the same append ids, until each was inserted
 * or found. Never decides again, and never answers what may turn out untrue.
 */
export async function flush(parts: FlushParts, entries: readonly Entry[]): Promise<void> {
  let left = entries;
  for (let tries = 0; left.length > 0; tries++) {
    try {
      left = await flushOnce(parts, left);
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === "data") return await halve(parts, left, errorOf(error));
      if (meaning === "unknown") await reconnect(parts, error);
      await rest(parts.runtime, tries);
    }
  }
}

/** Sends the rows once, settles what is known, and returns what has to be sent again. */
async function flushOnce(parts: FlushParts, entries: readonly Entry[]): Promise<readonly Entry[]> {
  const text = `[${entries.map((entry) => entry.text).join()}]`;
  parts.count(text.length);
  const [result] = await parts.link.query(append, [parts.incarnation, text]);
  const isAlive = result?.alive === true;
  const inserted = new Set(result?.inserted as string[]);
  const missing: Entry[] = [];
  for (const entry of entries) {
    if (entry.row === undefined) entry.settle({ kind: isAlive ? "inserted" : "fenced" });
    else if (inserted.has(entry.taskId)) entry.settle({ kind: "inserted" });
    else missing.push(entry);
  }
  return missing.length === 0 ? [] : await findOut(parts, missing, isAlive);
}

/** Looks, by a new statement, what became of rows that did not go in. */
async function findOut(
  parts: FlushParts,
  missing: readonly Entry[],
  isAlive: boolean,
): Promise<readonly Entry[]> {
  const asked = missing.map(({ row }, n) => ({
    n,
    task: row?.taskId,
    turn: row?.turn,
    ns: row?.birth?.namespace,
    key: row?.birth?.key,
  }));
  const text = JSON.stringify(asked);
  parts.count(text.length);
  const found = await parts.control.query(look, [text]);
  const byNumber = new Map(found.map((row) => [Number(row.n), row]));
  return missing.filter((entry, n) => {
    const outcome = outcomeOf(entry, byNumber.get(n), isAlive);
    if (outcome !== undefined) entry.settle(outcome);
    return outcome === undefined;
  });
}

function outcomeOf({ row }: Entry, found: Row | undefined, isAlive: boolean): Appended | undefined {
  if (found?.append_id === row?.appendId) return { kind: "inserted" };
  if (typeof found?.append_id === "string") return { kind: "ownership_lost" };
  if (typeof found?.holder === "string" && found.holder !== row?.taskId) {
    return {
      kind: "key_taken",
      taskId: found.holder as TurnRow["taskId"],
      sameBody: found.holder_body === row?.birth?.bodyHash,
    };
  }
  return isAlive ? undefined : { kind: "fenced" };
}

async function halve(
  parts: FlushParts,
  entries: readonly Entry[],
  error: TaskerError,
): Promise<void> {
  const [only] = entries;
  if (only !== undefined && entries.length === 1) return only.settle({ kind: "poison", error });
  const middle = entries.length >> 1;
  await flush(parts, entries.slice(0, middle));
  await flush(parts, entries.slice(middle));
}

/** Ends the own backend, which may still hold the fence's lock and commit, and takes a new one. */
async function reconnect(parts: FlushParts, error: unknown): Promise<void> {
  const lost = parts.link.name;
  parts.warn("Lost the outcome of a flush; sending its rows again", error);
  parts.link.reset();
  await terminateBackends(parts.control, lost).catch((cause) =>
    parts.warn("Cannot end the lost backend yet", cause)
  );
}

/** Ends all backends whose name begins so; resolves when none is left. */
export async function terminateBackends(control: Link, name: string): Promise<void> {
  for (let looks = 0; looks < TERMINATE_LOOKS_MAX; looks++) {
    const ended = await control.query(terminate, [name]);
    if (ended.length === 0) return;
    await new Promise<void>((wake) => control.options.runtime.after(AGAIN_MS_MIN, wake));
  }
}

async function rest(runtime: Runtime, tries: number): Promise<void> {
  const ms = Math.min(AGAIN_MS_MIN * 2 ** tries, AGAIN_MS_MAX);
  await new Promise<void>((wake) => runtime.after(ms * (0.5 + runtime.random() / 2), wake));
}
