/** YAML lines: where the entries of maps and lists stand in a text, with what belongs to them. */

import { isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import type { Layout } from "./yaml_text.ts";

/** An entry of a map or a list. */
export interface Entry {
  /** Of a map. */
  readonly key?: string;
  /** Where its key or its dash begins; in a list on one line, where its value does. */
  readonly start: number;
  /** Where its colon is. */
  readonly colon?: number;
  /** Its node; null where nothing is written. */
  readonly value: unknown;
  /** Where its last sign ends. */
  readonly end: number;
}

interface Token {
  readonly type: string;
  readonly offset: number;
  readonly source: string;
}
interface TokenEntry {
  readonly start?: readonly Token[];
  readonly key?: { readonly offset: number } | null;
  readonly sep?: readonly Token[];
  readonly value?: unknown;
}

/** Lists the entries of a map or a list, in the order of the text. */
export function entriesOf(node: YAMLMap | YAMLSeq, text: string): readonly Entry[] {
  const source = node.srcToken as { readonly items?: readonly TokenEntry[] } | undefined;
  const tokens = source?.items ?? [];
  return isMap(node)
    ? node.items.map(({ key, value }, index) => fieldEntry(key, value, tokens[index], text))
    : node.items.map((value, index) => itemEntry(value, tokens[index], node.flow === true, text));
}

function fieldEntry(
  key: unknown,
  value: unknown,
  token: TokenEntry | undefined,
  text: string,
): Entry {
  const [start, keyEnd] = rangeOf(key);
  const colon = token?.sep?.find(({ type }) => type === "map-value-ind")?.offset;
  const isWritten = isThere(value);
  const end = isWritten ? endOf(value, text) : colon === undefined ? keyEnd : colon + 1;
  return {
    key: isScalar(key) ? String(key.value) : "",
    start,
    ...(colon !== undefined && { colon }),
    value: isWritten ? value : null,
    end,
  };
}

function itemEntry(
  value: unknown,
  token: TokenEntry | undefined,
  isFlow: boolean,
  text: string,
): Entry {
  const [offset] = rangeOf(value);
  const dash = token?.start?.find(({ type }) => type === "seq-item-ind")?.offset;
  const start = isFlow || dash === undefined ? offset : dash;
  const isWritten = isThere(value);
  return {
    start,
    value: isWritten ? value : null,
    end: isWritten ? endOf(value, text) : start + (isFlow ? 0 : 1),
  };
}

function rangeOf(node: unknown): readonly [start: number, end: number] {
  const range = typeof node === "object" && node !== null && "range" in node ? node.range : null;
  return Array.isArray(range) ? [range[0], range[1]] : [0, 0];
}

/** Whether a node is written: an empty value is a scalar without a sign. */
function isThere(node: unknown): boolean {
  const [start, end] = rangeOf(node);
  return end > start;
}

/** Where the last sign of a node ends. */
function endOf(node: unknown, text: string): number {
  const [start, end] = rangeOf(node);
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last = entriesOf(node, text).at(-1);
    return last === undefined ? end : last.end;
  }
  const isBlock = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
  if (!isBlock) return end;
  let last = end;
  if (text[last - 1] === "\n") last--;
  if (text[last - 1] === "\r") last--;
  return Math.max(last, start);
}

/** Where something is inserted, and what stands around it. */
interface Spot {
  readonly at: number;
  /** The column of its key or its dash. */
  readonly column: number;
  readonly head: string;
  readonly tail: string;
  /** What else is put, such as a comma behind the entry before. */
  readonly before: readonly { readonly at: number; readonly put: string }[];
}

/** Finds lines, columns and comments in a text. */
export class YamlLines {
  readonly #newline: string;

  constructor(readonly text: string) {
    this.#newline = /\r?\n/.exec(text)?.[0] ?? "\n";
  }

  /** How the text is laid out: as its first block is. */
  layoutOf(root: YAMLMap): Layout {
    let [indent, listIndent]: (number | undefined)[] = [];
    const visit = (node: unknown, column: number) => {
      if (!isMap(node) && !isSeq(node) || node.flow === true) return;
      const entries = entriesOf(node, this.text);
      const own = entries[0] === undefined ? column : this.columnOf(entries[0].start);
      if (isMap(node) && own > column) indent ??= own - column;
      if (isSeq(node) && column >= 0) listIndent ??= own - column;
      for (const { value, key } of entries.slice(0, 50)) {
        // The map of an item stands beside its dash, which says nothing of other maps.
        visit(value, key === undefined ? Infinity : own);
        if (indent !== undefined && listIndent !== undefined) return;
      }
    };
    visit(root, Infinity);
    return {
      indent: Math.min(indent ?? 2, 8),
      listIndent: Math.min(Math.max(listIndent ?? 2, 0), 8),
      newline: this.#newline,
    };
  }

  columnOf(offset: number): number {
    return offset - this.#lineStart(offset);
  }

  /** Where the line of an offset ends, before its line break. */
  lineEnd(offset: number): number {
    const end = this.text.indexOf("\n", offset);
    if (end < 0) return this.text.length;
    return this.text[end - 1] === "\r" ? Math.max(end - 1, offset) : end;
  }

  #lineStart(offset: number): number {
    return this.text.lastIndexOf("\n", offset - 1) + 1;
  }

  /** The part of the text that is an entry's value. */
  valueOf({ value, start, colon, end }: Entry): { readonly from: number; readonly to: number } {
    if (value !== null) return { from: rangeOf(value)[0], to: end };
    const at = colon === undefined ? end : colon + 1;
    return { from: Math.max(at, start), to: Math.max(at, start) };
  }

  /** The comment that stands on the line of an entry's colon or dash; inside: before its value. */
  commentOnLine(
    head: number,
    { value, end }: Entry,
  ): { readonly text: string; readonly isInside: boolean } | undefined {
    const valueStart = value === null ? head : rangeOf(value)[0];
    const inside = /^[ \t]+(#[^\r\n]*)/.exec(this.text.slice(head, Math.max(head, valueStart)));
    if (inside?.[1] !== undefined) return { text: inside[1], isInside: true };
    const behind = /^[ \t]+(#.*)/.exec(this.text.slice(end, this.lineEnd(end)));
    return behind?.[1] === undefined ? undefined : { text: behind[1], isInside: false };
  }

  /** All that goes when an entry of a block goes: its lines, their comments, and the blank lines before. */
  blockRegion(entries: readonly Entry[], index: number): { from: number; to: number } {
    const entry = entries[index] as Entry;
    const lineStart = this.#lineStart(entry.start);
    const isFirstOnLine = this.text.slice(lineStart, entry.start).trim() === "";
    const next = entries[index + 1];
    if (!isFirstOnLine && next !== undefined) return { from: entry.start, to: next.start };
    const column = this.columnOf(entry.start);
    const to = this.#ownEnd(entry.end, column);
    if (index === 0 || !isFirstOnLine) {
      return next === undefined
        ? { from: entry.start, to }
        : { from: lineStart, to: this.#pastBreak(to) };
    }
    const top = this.#ownTop(lineStart, column);
    // Blank lines may be the end of the text before, which keeps them.
    const { end } = entries[index - 1] as Entry;
    return { from: Math.max(this.#beforeBlank(top), end), to };
  }

  /** What goes when an entry goes that stands on one line with others: its comma, too. */
  flowRegion(
    entries: readonly Entry[],
    index: number,
    gone: readonly Entry[],
  ): { from: number; to: number } {
    const entry = entries[index] as Entry;
    const before = entries.slice(0, index).findLast((one) => !gone.includes(one));
    const next = entries[index + 1];
    if (before !== undefined) return { from: (entries[index - 1] as Entry).end, to: entry.end };
    return { from: entry.start, to: next === undefined ? entry.end : next.start };
  }

  /** Where a new entry of a block stands. */
  blockSpot(entries: readonly Entry[], after: Entry | undefined): Spot {
    const first = entries[0] as Entry;
    const column = this.columnOf(first.start);
    const pad = " ".repeat(column);
    const isApart = this.#isApart(entries);
    const gap = this.#newline + (isApart ? this.#newline : "");
    if (after !== undefined) {
      const isItem = after.key === undefined;
      const at = this.#ownEnd(after.end, column + (isItem ? 1 : 0), isItem);
      return { at, column, head: gap + pad, tail: "", before: [] };
    }
    const lineStart = this.#lineStart(first.start);
    const isFirstOnLine = this.text.slice(lineStart, first.start).trim() === "";
    if (!isFirstOnLine) {
      return { at: first.start, column, head: "", tail: gap + pad, before: [] };
    }
    const top = this.#ownTop(lineStart, column);
    return { at: top, column, head: pad, tail: gap, before: [] };
  }

  /** Where a new entry stands on one line with others, or on a line of its own as they do. */
  flowSpot(entries: readonly Entry[], after: Entry | undefined): Spot {
    const none = { column: 0, before: [] };
    const first = entries[0] as Entry;
    const isLined = entries.length > 1 &&
      this.#lineStart((entries[1] as Entry).start) > this.#lineStart(first.start);
    const pad = this.#newline + " ".repeat(this.columnOf(first.start));
    if (after === undefined) {
      return { ...none, at: first.start, head: "", tail: isLined ? `,${pad}` : ", " };
    }
    if (!isLined) return { ...none, at: after.end, head: ", ", tail: "" };
    const comma = /^\s*,/.exec(this.text.slice(after.end));
    const at = this.lineEnd(after.end + (comma?.[0].length ?? 0));
    const isLast = after === entries.at(-1);
    const before = comma === null ? [{ at: after.end, put: "," }] : [];
    return { column: 0, at, before, head: pad, tail: isLast && comma === null ? "" : "," };
  }

  /** Where an entry ends, with the comment on its last line and deeper comments below it. */
  #ownEnd(end: number, column: number, isItem = false): number {
    let own = this.lineEnd(end);
    let at = this.#pastBreak(own);
    while (at < this.text.length) {
      const line = this.text.slice(at, this.lineEnd(at));
      const indent = line.length - line.trimStart().length;
      const isDeeper = isItem ? indent >= column : indent > column;
      if (line.trim() !== "" && !(line.trimStart().startsWith("#") && isDeeper)) break;
      if (line.trim() !== "") own = this.lineEnd(at);
      const next = this.#pastBreak(this.lineEnd(at));
      if (next <= at) break;
      at = next;
    }
    return own;
  }

  /** Where the comments begin that stand directly above a line, at its column. */
  #ownTop(lineStart: number, column: number): number {
    let top = lineStart;
    while (top > 0) {
      const above = this.#lineStart(top - 1);
      const line = this.text.slice(above, this.lineEnd(above));
      const isOwn = line.trimStart().startsWith("#") &&
        line.length - line.trimStart().length === column;
      if (!isOwn) break;
      top = above;
    }
    return top;
  }

  /** Where the last line ends that is not blank, before an offset at the start of a line. */
  #beforeBlank(lineStart: number): number {
    let end = lineStart;
    while (end > 0) {
      const above = this.#lineStart(end - 1);
      if (this.text.slice(above, this.lineEnd(above)).trim() !== "") {
        return this.lineEnd(above);
      }
      end = above;
    }
    return end;
  }

  #pastBreak(lineEnd: number): number {
    const line = /^\r?\n/.exec(this.text.slice(lineEnd, lineEnd + 2));
    return lineEnd + (line?.[0].length ?? 0);
  }

  /** Whether the last two entries have a blank line between them. */
  #isApart(entries: readonly Entry[]): boolean {
    const [one, other] = entries.slice(-2);
    if (one === undefined || other === undefined || one.key !== undefined) return false;
    return /\n[ \t]*\r?\n/.test(this.text.slice(one.end, other.start));
  }
}
