/**
 * The writer of YAML: puts a changed value into a text, and changes only the lines concerned. Values are
 * spliced in at the places of nodes, so comments, quotes, order and blank lines stay as they are.
 */

import { isMap, isScalar, isSeq, type Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { alignItems } from "./align.ts";
import { type Fields, isSame, type Path } from "./document.ts";
import { entriesOf, type Entry, YamlLines } from "./yaml_lines.ts";
import {
  afterColon,
  flowText,
  isOneLine,
  isRecord,
  itemText,
  keyText,
  type Layout,
  manifestText,
  scalarText,
} from "./yaml_text.ts";

/** Fields of a step, in the order in which people write them. */
const STEP_ORDER = (
  "name owner capability event_pattern handler depends_on when signal sleep transform http todo with " +
  "input result error timeout queue_timeout heartbeat retry concurrency_max on_exhausted at_most_once " +
  "alternatives"
).split(" ");

/** Fields of a workflow, in the same way. */
const WHOLE_ORDER =
  "name namespace version description failure_policy deadline heal search input systems workflow_steps output"
    .split(" ");

/** A replacement of a part of the text. */
interface Splice {
  readonly from: number;
  readonly to: number;
  readonly put: string;
}

/**
 * Returns the text with another value. The old value is what `contents`, nodes with tokens, was read as.
 *
 * Cost: O(size).
 */
export function writeYaml(
  text: string,
  { contents, before, after }: {
    readonly contents: unknown;
    readonly before: Fields;
    readonly after: Fields;
  },
): string {
  if (!isMap(contents)) return text;
  const isEmpty = [before, after].some((fields) => Object.keys(fields).length === 0);
  if (isEmpty) return whole(text, contents, after);
  const writer = new Writer(text, contents);
  writer.change(contents, { before, after, path: [] });
  return writer.result();
}

/** A map without fields has no lines to keep. */
function whole(text: string, { range }: YAMLMap, after: Fields): string {
  const [from = 0, to = text.length] = range ?? [];
  const put = Object.keys(after).length === 0 ? "{}\n" : manifestText(after);
  return text.slice(0, from) + put + text.slice(to).replace(/^\r?\n/, "");
}

interface Change {
  readonly before: unknown;
  readonly after: unknown;
  readonly path: Path;
}

class Writer {
  readonly #splices: Splice[] = [];
  readonly #lines: YamlLines;
  readonly #layout: Layout;

  constructor(readonly text: string, root: YAMLMap) {
    this.#lines = new YamlLines(text);
    this.#layout = this.#lines.layoutOf(root);
  }

  result(): string {
    const sorted = this.#splices.toSorted((a, b) => a.from - b.from || a.to - b.to);
    let [text, end] = ["", 0];
    for (const { from, to, put } of sorted) {
      text += this.text.slice(end, Math.max(end, from)) + put;
      end = Math.max(end, to);
    }
    return text + this.text.slice(end);
  }

  /** Changes what is inside a map or a list. */
  change(node: YAMLMap | YAMLSeq, { before, after, path }: Change): void {
    const entries = entriesOf(node, this.text);
    if (isMap(node)) {
      const fields = after as Fields;
      const old = before as Fields;
      this.#changeFields({ node, entries, path }, old, fields);
    } else this.#changeItems({ node, entries, path }, before as unknown[], after as unknown[]);
  }

  #changeFields(holder: Holder, before: Fields, after: Fields): void {
    const { entries, path } = holder;
    const isGone = ({ key = "" }: Entry) => !Object.hasOwn(after, key);
    this.#remove(holder, entries.filter(isGone));
    for (const entry of entries) {
      const { key = "" } = entry;
      if (isGone(entry) || isSame(before[key], after[key])) continue;
      this.#changeEntry(holder, entry, {
        before: before[key],
        after: after[key],
        path: [...path, key],
      });
    }
    const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
    const order = path.length === 0 ? WHOLE_ORDER : isStepPath(path) ? STEP_ORDER : [];
    for (const key of added) {
      const following = entries.filter((entry) => !isGone(entry));
      const place = placeFor(key, following, order);
      this.#insert(holder, place, (column) => {
        const name = keyText(key);
        const width = name.length + 1;
        const { isFlow } = holder.node.flow === true ? { isFlow: true } : { isFlow: false };
        return isFlow
          ? `${name}: ${flowText(after[key])}`
          : `${name}:${afterColon(after[key], { column, width, layout: this.#layout })}`;
      });
    }
  }

  #changeItems(holder: Holder, before: readonly unknown[], after: readonly unknown[]): void {
    const { entries, path } = holder;
    const pairs = alignItems(before, after);
    const kept = new Map(pairs);
    const taken = new Set(kept.values());
    this.#remove(holder, entries.filter((_, index) => !kept.has(index)));
    for (const [from, to] of pairs) {
      const entry = entries[from];
      if (entry === undefined || isSame(before[from], after[to])) continue;
      this.#changeEntry(holder, entry, {
        before: before[from],
        after: after[to],
        path: [...path, from],
      });
    }
    const oldIndexOf = new Map(pairs.map(([from, to]) => [to, from]));
    let place: Entry | undefined;
    after.forEach((item, index) => {
      if (taken.has(index)) place = entries[oldIndexOf.get(index) ?? 0];
      else {
        this.#insert(holder, place, (column) => {
          if (holder.node.flow === true) return flowText(item);
          const asSibling = entries.at(-1)?.value;
          const isFlowHere = isMap(asSibling) && asSibling.flow === true && isOneLine(item, column);
          return isFlowHere ? flowText(item) : itemText(item, column, this.#layout);
        });
      }
    });
  }

  #changeEntry(holder: Holder, entry: Entry, change: Change): void {
    const { value } = entry;
    const { before, after } = change;
    const isInside = isMap(value) && isRecord(before) && isRecord(after) ||
      isSeq(value) && Array.isArray(before) && Array.isArray(after);
    const isEmptied = isInside &&
      (Object.keys(before as object).length === 0 || Object.keys(after as object).length === 0);
    const isReplaced = isInside && !shares(before, after);
    if (isInside && !isEmptied && !isReplaced) this.change(value, change);
    else this.#replace(holder, entry, after);
  }

  /** Puts another value in the place of one. */
  #replace({ node }: Holder, entry: Entry, after: unknown): void {
    const { value } = entry;
    const isFlow = node.flow === true;
    const isScalarBoth = isScalar(value) && (typeof after !== "object" || after === null);
    const { from, to } = this.#lines.valueOf(entry);
    if (isFlow || (isScalarBoth && isOneLine(after, 0) && !isBlock(value))) {
      const put = isScalarBoth ? scalarText(after, quotesOf(value)) : flowText(after);
      const isBare = value === null || from === to;
      return this.#splice(from, to, isBare ? ` ${put}` : put);
    }
    const column = this.#lines.columnOf(entry.start);
    const isItem = entry.key === undefined;
    const head = isItem ? entry.start + 1 : (entry.colon ?? entry.start) + 1;
    const width = head - entry.start;
    const put = isItem
      ? ` ${itemText(after, column + 2, this.#layout)}`
      : afterColon(after, { column, width, layout: this.#layout });
    const comment = this.#lines.commentOnLine(head, entry);
    const isLater = comment !== undefined && put.includes(this.#layout.newline);
    if (comment === undefined) return this.#splice(head, to, put);
    if (comment.isInside) {
      const [first = "", ...rest] = put.split(this.#layout.newline);
      const line = [`${first} ${comment.text}`, ...rest].join(this.#layout.newline);
      return this.#splice(head, to, line);
    }
    if (!isLater || isItem) return this.#splice(head, to, put);
    // A block begins on the next line, so that the comment stays on the line of its key.
    const [first = "", ...rest] = put.split(this.#layout.newline);
    this.#splice(head, to, first);
    const end = this.#lines.lineEnd(to);
    this.#splice(end, end, ["", ...rest].join(this.#layout.newline));
  }

  #remove(holder: Holder, gone: readonly Entry[]): void {
    const { node, entries } = holder;
    if (gone.length === 0) return;
    for (const entry of gone) {
      const index = entries.indexOf(entry);
      const isAll = gone.length === entries.length;
      const { from, to } = node.flow === true
        ? this.#lines.flowRegion(entries, index, gone)
        : this.#lines.blockRegion(entries, index);
      if (!isAll) this.#splice(from, to, "");
    }
  }

  /** Inserts behind an entry; before all others without one. */
  #insert(holder: Holder, after: Entry | undefined, write: (column: number) => string): void {
    const { node, entries } = holder;
    const spot = node.flow === true
      ? this.#lines.flowSpot(entries, after)
      : this.#lines.blockSpot(entries, after);
    for (const { at, put } of spot.before) this.#splice(at, at, put);
    const isItem = isSeq(node) && node.flow !== true;
    const put = write(spot.column + (isItem ? 2 : 0));
    this.#splice(spot.at, spot.at, spot.head + (isItem ? "- " : "") + put + spot.tail);
  }

  #splice(from: number, to: number, put: string): void {
    this.#splices.push({ from, to, put });
  }
}

/** A map or a list, and what is in it. */
interface Holder {
  readonly node: YAMLMap | YAMLSeq;
  readonly entries: readonly Entry[];
  readonly path: Path;
}

function isStepPath([first, index, ...rest]: Path): boolean {
  return first === "workflow_steps" && typeof index === "number" && rest.length === 0;
}

/** The entry behind which a key stands: the last of those that people write before it. */
function placeFor(
  key: string,
  entries: readonly Entry[],
  order: readonly string[],
): Entry | undefined {
  const rank = order.indexOf(key);
  const earlier = entries.map((entry) => ({ entry, rank: order.indexOf(entry.key ?? "") }))
    .filter((one) => one.rank >= 0 && one.rank < rank)
    .toSorted((a, b) => a.rank - b.rank);
  return (rank < 0 ? undefined : earlier.at(-1)?.entry) ?? entries.at(-1);
}

/** Whether enough is left of a value to change it from the inside. */
function shares(before: unknown, after: unknown): boolean {
  if (!isRecord(before) || !isRecord(after)) return true;
  return Object.keys(before).some((key) => Object.hasOwn(after, key));
}

function isBlock(node: Scalar): boolean {
  return node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
}

function quotesOf(node: unknown): "plain" | "single" | "double" {
  if (!isScalar(node)) return "plain";
  return node.type === "QUOTE_SINGLE"
    ? "single"
    : node.type === "QUOTE_DOUBLE"
    ? "double"
    : "plain";
}
