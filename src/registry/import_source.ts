/** What imports read from: the values of an older file, each of which is used or reported. */

import { Name } from "../core/fields.ts";
import type { Position } from "../core/workflow_module.ts";
import { type Path, readablePath, type YamlText } from "./yaml.ts";

/** Something that a manifest says otherwise, or cannot say. */
export interface ImportNote {
  readonly path: string;
  readonly at: Position;
  /** Lost: it has no counterpart. Changed: it has, and the detail says which. */
  readonly kind: "changed" | "lost";
  /** What became of it, and what a person can do. */
  readonly detail: string;
}

/** An older file while it is imported. */
export class ImportSource {
  readonly #notes: ImportNote[] = [];

  constructor(readonly yaml: YamlText) {}

  /** In the order of the file. */
  get notes(): readonly ImportNote[] {
    return this.#notes.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  }

  note(path: Path, kind: ImportNote["kind"], detail: string): void {
    const at = this.yaml.atKey(path);
    this.#notes.push({ path: readablePath(path), at, kind, detail });
  }
}

/** An object of an older file. What nobody has taken when it is closed is reported as lost. */
export class OldFields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #taken = new Set<string>();

  constructor(readonly source: ImportSource, readonly path: Path, value: unknown) {
    this.#fields = isObject(value) ? value : {};
    if (!isObject(value) && !isEmpty(value)) {
      source.note(path, "lost", "is not an object of fields");
    }
  }

  /** Takes a field as it is. */
  take(name: string): unknown {
    this.#taken.add(name);
    return this.#fields[name];
  }

  /** Takes a text; anything else that is there is reported. */
  text(name: string): string | undefined {
    const value = this.take(name);
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") {
      return this.source.yaml.written([...this.path, name]) ?? String(value);
    }
    if (!isEmpty(value)) this.lost(name, "is not a text");
    return undefined;
  }

  /** Takes a whole number from `min` on. */
  count(name: string, min: number): number | undefined {
    const value = this.take(name);
    if (Number.isInteger(value) && (value as number) >= min) return value as number;
    if (!isEmpty(value)) this.lost(name, `is not a whole number from ${min} on`);
    return undefined;
  }

  /** Takes a text, or a list of texts. */
  texts(name: string): readonly string[] {
    const value = this.take(name);
    const all = isEmpty(value) ? [] : [value].flat();
    const texts = all.filter((one) => typeof one === "string");
    if (texts.length < all.length) this.lost(name, "is not a list of names");
    return texts;
  }

  /** Takes an object; its fields are to be closed in turn. */
  inner(name: string): OldFields {
    return new OldFields(this.source, [...this.path, name], this.take(name));
  }

  /** Takes a list of objects. */
  list(name: string): readonly OldFields[] {
    const value = this.take(name);
    if (isEmpty(value)) return [];
    if (!Array.isArray(value)) {
      this.lost(name, "is not a list");
      return [];
    }
    return value.map((one, index) => new OldFields(this.source, [...this.path, name, index], one));
  }

  /** Names of the fields that are there. */
  get names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  changed(name: string, detail: string): void {
    this.source.note([...this.path, name], "changed", detail);
  }

  lost(name: string, detail: string): void {
    this.source.note([...this.path, name], "lost", detail);
  }

  /** Takes a field that has no counterpart, and reports it when it says something. */
  lose(name: string, detail: string): void {
    if (!isEmpty(this.take(name))) this.lost(name, detail);
  }

  /** Reports every field that was not taken. */
  close(): void {
    for (const [name, value] of Object.entries(this.#fields)) {
      if (this.#taken.has(name) || isEmpty(value)) continue;
      this.lost(name, "is not a field that the import knows: see what it was for, and add that");
    }
  }
}

/** Makes a name of a text; the change is reported. */
export function nameOf(fields: OldFields, field: string, text: string): string {
  const name = text.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 64);
  if (name !== text) fields.changed(field, `"${text}" is named "${name || "unnamed"}"`);
  return Name.safeParse(name).success ? name : "unnamed";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
