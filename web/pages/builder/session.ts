/** The session of a builder: one text, what it says, and one stack of all changes to it. Pure. */

import { edit } from "../../../src/author/edit.ts";
import type { Document, Reading } from "../../../src/author/document.ts";
import { YAML } from "../../../src/author/yaml_language.ts";
import type { Edit } from "../../../src/core/authoring.ts";
import { TaskerError } from "../../../src/core/errors.ts";

/** A part of a text and what takes its place. */
export interface Splice {
  readonly from: number;
  readonly removed: string;
  readonly inserted: string;
}

/** One change, as the stack keeps it. */
export interface Change {
  /** What was done: "Connect check to pay". */
  readonly label: string;
  readonly splice: Splice;
  /** When the last letter was typed; absent: it was not typed. */
  readonly typedAtMs?: number;
}

/**
 * What the builder works on. The text is the truth: a gesture changes it by edits, the editor by typing,
 * and everything that is shown is read from it.
 */
export interface Session {
  readonly file: string;
  readonly text: string;
  readonly reading: Reading;
  /** The last text that could be read: it is shown while the newest one cannot be. */
  readonly document: Document;
  /** The newest last. */
  readonly done: readonly Change[];
  /** What was taken back; the next one to be done again last. */
  readonly undone: readonly Change[];
}

/** A session after a gesture, or why the gesture cannot be made. */
export type Outcome =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly reason: string };

/** Characters that the stack keeps; the oldest changes are forgotten first. */
const STACK_SIZE_MAX = 4_000_000;

/** Letters typed in a row are one change until the typist pauses this long. */
const PAUSE_MS = 1_000;

/** Opens a text. */
export function openSession(file: string, text: string): Session {
  const reading = YAML.read(file, text);
  return { file, text, reading, document: documentOf(reading, file), done: [], undone: [] };
}

function documentOf(reading: Reading, file: string): Document {
  if (reading.ok) return reading.document;
  const empty = YAML.read(file, "{}\n");
  if (!empty.ok) throw new TypeError("Cannot read an empty document");
  return empty.document;
}

/**
 * Makes edits: all of them, or none.
 *
 * Shape: `of` is the text for which somebody else computed them; another one refuses them.
 */
export function applyEdits(
  session: Session,
  edits: readonly Edit[],
  { label, of }: { readonly label: string; readonly of?: string },
): Outcome {
  if (!session.reading.ok) {
    const [problem] = session.reading.problems;
    const line = problem?.at === undefined ? "" : ` (line ${problem.at.line})`;
    return { ok: false, reason: `The text cannot be read${line}: correct it first` };
  }
  if (of !== undefined && of !== session.text) {
    return { ok: false, reason: "The document has changed since this was offered: try again" };
  }
  try {
    const { text } = edit(session.reading.document, edits);
    return { ok: true, session: changed(session, text, { label }) };
  } catch (thrown) {
    if (!(thrown instanceof TaskerError)) throw thrown;
    return { ok: false, reason: thrown.message };
  }
}

/** Puts another text in place of all: a draft, a file. It is one change. */
export function replaceText(session: Session, text: string, label: string): Session {
  return changed(session, text, { label });
}

/** Takes what was typed. Letters in a row are one change. */
export function typeText(session: Session, text: string, atMs: number): Session {
  const last = session.done.at(-1);
  const isOneGo = last?.typedAtMs !== undefined && atMs - last.typedAtMs < PAUSE_MS &&
    session.undone.length === 0;
  if (!isOneGo || text === session.text) {
    return changed(session, text, { label: "Type", typedAtMs: atMs });
  }
  const before = withSplice(session.text, inverse(last.splice));
  const earlier = { ...session, text: before, done: session.done.slice(0, -1) };
  return changed(earlier, text, { label: "Type", typedAtMs: atMs });
}

/** Takes the newest change back. */
export function undo(session: Session): Session {
  const last = session.done.at(-1);
  if (last === undefined) return session;
  const text = withSplice(session.text, inverse(last.splice));
  const undone = [...session.undone, last];
  return read({ ...session, text, done: session.done.slice(0, -1), undone });
}

/** Makes the change again that was taken back last. */
export function redo(session: Session): Session {
  const last = session.undone.at(-1);
  if (last === undefined) return session;
  const { typedAtMs: _, ...change } = last;
  const text = withSplice(session.text, last.splice);
  return read({
    ...session,
    text,
    done: [...session.done, change],
    undone: session.undone.slice(0, -1),
  });
}

/** The smallest splice that makes one text another: what they have in common at both ends stays. */
export function spliceBetween(before: string, after: string): Splice {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  let tail = 0;
  while (
    tail < shorter - from &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) tail++;
  return {
    from,
    removed: before.slice(from, before.length - tail),
    inserted: after.slice(from, after.length - tail),
  };
}

function changed(
  session: Session,
  text: string,
  how: Pick<Change, "label" | "typedAtMs">,
): Session {
  if (text === session.text) return session;
  const change = { ...how, splice: spliceBetween(session.text, text) };
  return read({ ...session, text, done: bounded([...session.done, change]), undone: [] });
}

function read(session: Session): Session {
  const reading = YAML.read(session.file, session.text);
  return { ...session, reading, document: reading.ok ? reading.document : session.document };
}

function inverse({ from, removed, inserted }: Splice): Splice {
  return { from, removed: inserted, inserted: removed };
}

function withSplice(text: string, { from, removed, inserted }: Splice): string {
  return text.slice(0, from) + inserted + text.slice(from + removed.length);
}

function bounded(changes: readonly Change[]): readonly Change[] {
  let size = 0;
  const first = changes.findLastIndex(({ splice }) => {
    size += splice.removed.length + splice.inserted.length;
    return size > STACK_SIZE_MAX;
  });
  return changes.slice(first + 1);
}
