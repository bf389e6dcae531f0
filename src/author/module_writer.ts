/**
 * The writer of modules: puts a changed value into the literals of a module, and changes only the lines
 * concerned. Code is never rewritten: a change that would need it is refused.
 */

import type * as TypeScript from "typescript";
import { type Fields, isSame, type Path, Refusal } from "./document.ts";
import { alignItems } from "./align.ts";
import type { Found, Holder, Ts } from "./module_nodes.ts";
import { literalText } from "./module_text.ts";
import { isRecord } from "./yaml_text.ts";

/** A module that was read. */
interface Module {
  readonly ts: Ts;
  readonly text: string;
  readonly found: Found;
}

/** Returns the text of a module with another value. Cost: O(size). @throws {Refusal} */
export function writeModule(module: Module, before: Fields, after: Fields): string {
  const writer = new Writer(module);
  writer.fields(before, after, []);
  return writer.result();
}

class Writer {
  readonly #splices: { readonly from: number; readonly to: number; readonly put: string }[] = [];

  constructor(readonly module: Module) {}

  result(): string {
    const { text } = this.module;
    const sorted = this.#splices.toSorted((a, b) => a.from - b.from || a.to - b.to);
    let [written, end] = ["", 0];
    for (const { from, to, put } of sorted) {
      written += text.slice(end, Math.max(end, from)) + put;
      end = Math.max(end, to);
    }
    return written + text.slice(end);
  }

  fields(before: Fields, after: Fields, path: Path): void {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (isSame(before[key], after[key])) continue;
      const place = [...path, key];
      if (after[key] === undefined) this.#remove(place);
      else if (before[key] === undefined) this.#add(path, key, after[key]);
      else this.#change(before[key], after[key], place);
    }
  }

  #change(before: unknown, after: unknown, path: Path): void {
    const { ts, found } = this.module;
    const node = found.values.get(JSON.stringify(path));
    // Wiring follows the names of steps by itself; whether it did is seen when the text is read again.
    const isCode = found.code.has(JSON.stringify(path));
    if (isCode && path.at(-1) === "depends_on") return;
    const isLists = Array.isArray(before) && Array.isArray(after);
    const isWired = path.length === 1 && path[0] === "workflow_steps" && node === undefined;
    if (isWired && isLists && before.length === after.length) {
      return before.forEach((step, index) => {
        if (!isSame(step, after[index])) this.#change(step, after[index], [...path, index]);
      });
    }
    if (node === undefined || isCode) throw handwork(path);
    const isMaps = isRecord(before) && isRecord(after) && ts.isObjectLiteralExpression(node);
    if (isMaps && isOneChange(before, after)) return this.fields(before, after, path);
    const isFilled = isLists && before.length > 0 && after.length > 0 &&
      isOneChange(before, after);
    if (isFilled && ts.isArrayLiteralExpression(node)) {
      return this.#items(node, before, after, path);
    }
    // A step that `workflow()` wires is a call.
    if (isRecord(before) && isRecord(after) && ts.isCallExpression(node)) {
      return this.fields(before, after, path);
    }
    const { start, column } = this.#placeOf(node);
    this.#splice(start, node.getEnd(), literalText(after, column));
  }

  #items(
    node: TypeScript.ArrayLiteralExpression,
    before: readonly unknown[],
    after: readonly unknown[],
    path: Path,
  ): void {
    const pairs = alignItems(before, after);
    const kept = new Map(pairs);
    const { elements } = node;
    elements.forEach((_, index) => !kept.has(index) && this.#cut(elements, index));
    for (const [from, to] of pairs) {
      if (!isSame(before[from], after[to])) this.#change(before[from], after[to], [...path, from]);
    }
    const oldOf = new Map(pairs.map(([from, to]) => [to, from]));
    let last: TypeScript.Node | undefined;
    after.forEach((item, index) => {
      const old = oldOf.get(index);
      if (old !== undefined) last = elements[old];
      else this.#insert(elements, last, (column) => literalText(item, column));
    });
  }

  #remove(path: Path): void {
    const node = this.#property(path);
    if (node === undefined) throw handwork(path);
    const { parent } = node;
    if (!this.module.ts.isObjectLiteralExpression(parent)) throw handwork(path);
    this.#cut(parent.properties, parent.properties.indexOf(node));
  }

  #property(path: Path): TypeScript.ObjectLiteralElementLike | undefined {
    const name = this.module.found.keys.get(JSON.stringify(path));
    const property = name?.parent;
    return property && this.module.ts.isObjectLiteralElementLike(property) ? property : undefined;
  }

  #add(path: Path, field: string, value: unknown): void {
    const holders: readonly Holder[] = this.module.found.holders.get(JSON.stringify(path)) ?? [];
    const holder = holders.find((one) => one.nameOf(field) !== undefined);
    const name = holder?.nameOf(field);
    if (holder === undefined || name === undefined) throw handwork([...path, field]);
    const { properties } = holder.node;
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    const write = (column: number) => `${key}: ${literalText(value, column, key.length + 2)}`;
    if (properties.length > 0) return this.#insert(properties, properties.at(-1), write);
    const { start, column } = this.#placeOf(holder.node);
    this.#splice(start, holder.node.getEnd(), `{ ${write(column)} }`);
  }

  /** Takes an element out, with its comma and the comments that stand directly above it. */
  #cut(list: TypeScript.NodeArray<TypeScript.Node>, index: number): void {
    const { text } = this.module;
    const node = list[index] as TypeScript.Node;
    const [previous, next] = [list[index - 1], list[index + 1]];
    const from = this.#isOnOwnLine(node) ? this.#lineStart(this.#top(node)) : node.getStart();
    if (this.#isOnOwnLine(node)) {
      const comma = /^\s*,?[ \t]*(\/\/[^\n]*)?/.exec(text.slice(node.getEnd()))?.[0].length ?? 0;
      const end = node.getEnd() + comma;
      return this.#splice(from, end + (/^\r?\n/.exec(text.slice(end))?.[0].length ?? 0), "");
    }
    if (next !== undefined) this.#splice(node.getStart(), next.getStart(), "");
    else this.#splice(previous?.getEnd() ?? node.getStart(), node.getEnd(), "");
  }

  /** Inserts behind an element, or before the first one; on a line of its own where they stand so. */
  #insert(
    list: TypeScript.NodeArray<TypeScript.Node>,
    after: TypeScript.Node | undefined,
    write: (column: number) => string,
  ): void {
    const { text } = this.module;
    const first = list[0] as TypeScript.Node;
    const isLined = this.#isOnOwnLine(first);
    const column = this.#placeOf(first).column;
    const gap = isLined ? `${this.#newline()}${" ".repeat(column)}` : " ";
    if (after === undefined) {
      const at = isLined ? this.#top(first) : first.getStart();
      return this.#splice(at, at, `${write(column)},${gap}`);
    }
    const end = after.getEnd();
    const rest = /^\s*,/.exec(text.slice(end))?.[0];
    const isLast = after === list.at(-1);
    if (rest === undefined) {
      this.#splice(end, end, `,${gap}${write(column)}${isLast && isLined ? "," : ""}`);
      return;
    }
    const comment = /^[ \t]*\/\/[^\n]*/.exec(text.slice(end + rest.length))?.[0] ?? "";
    const at = end + rest.length + (isLined ? comment.trimEnd().length : 0);
    this.#splice(at, at, `${gap}${write(column)},`);
  }

  #newline(): string {
    return /\r?\n/.exec(this.module.text)?.[0] ?? "\n";
  }

  #lineStart(offset: number): number {
    return this.module.text.lastIndexOf("\n", offset - 1) + 1;
  }

  #isOnOwnLine(node: TypeScript.Node): boolean {
    const start = node.getStart();
    return this.module.text.slice(this.#lineStart(start), start).trim() === "";
  }

  /** Where the comments begin that stand directly above a node. */
  #top(node: TypeScript.Node): number {
    const { text } = this.module;
    let start = node.getStart();
    for (;;) {
      const line = this.#lineStart(start);
      const above = this.#lineStart(line - 1);
      const comment = text.slice(above, Math.max(above, line - 1));
      if (line === 0 || !/^\s*\/\//.test(comment)) return start;
      start = above + comment.length - comment.trimStart().length;
    }
  }

  #placeOf(node: TypeScript.Node): { readonly start: number; readonly column: number } {
    const start = node.getStart();
    const line = this.#lineStart(start);
    const indent = /^[ \t]*/.exec(this.module.text.slice(line))?.[0].length ?? 0;
    return { start, column: Math.min(indent, start - line) };
  }

  #splice(from: number, to: number, put: string): void {
    this.#splices.push({ from, to, put });
  }
}

/** Whether at most one part comes or goes: else the whole is written anew. */
function isOneChange(before: unknown, after: unknown): boolean {
  if (Array.isArray(before) && Array.isArray(after)) {
    const kept = alignItems(before, after).length;
    return before.length + after.length - 2 * kept <= 1;
  }
  const [old, now] = [
    new Set(Object.keys(before as Fields)),
    new Set(Object.keys(after as Fields)),
  ];
  return now.size > 0 && old.symmetricDifference(now).size <= 1;
}

function handwork(path: Path): Refusal {
  const where = path.map(String).join(".");
  return new Refusal(
    `the module states "${where}" in code, or has no place for it: change the module by hand`,
  );
}
