/** Documents: one model of a workflow, whether a manifest or a module writes it. Pure. */

import type { DocumentFormat, Problem } from "../core/authoring.ts";
import type { Position } from "../core/workflow_module.ts";
import { isRecord } from "./yaml_text.ts";

/** Keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

/** A map of a document. */
export type Fields = Readonly<Record<string, unknown>>;

/** A part of a module that is computed: it is shown, and never rewritten. */
export interface CodePart {
  /** What it is called in the module, or what kind of code it is. */
  readonly name: string;
  readonly source: string;
}

/**
 * A workflow as its text states it.
 *
 * Shape: `value` is what YAML reads of a manifest, in the words of manifests, whether the text is one or
 * not. It need not be right: `problems()` says what is wrong with it.
 */
export interface Document {
  /** Names the text in positions. */
  readonly file: string;
  readonly text: string;
  readonly language: Language;
  readonly value: Fields;
  /** What a module computes, by path as JSON. Its value is there, too, where that is known. */
  readonly code: ReadonlyMap<string, CodePart>;
  /** What the code of a module uses that step code may not have; a manifest has none. */
  readonly accesses?: readonly {
    readonly at: Position;
    readonly text: string;
    /** No permission would allow it. */
    readonly isRefused: boolean;
  }[];
  /** The file of the manifest that a module implements; the document is what the module adds. */
  readonly manifest?: string;
  /** The place of a value, or of the nearest one around it that is there. */
  at(path: Path): Position;
  /** The place of a key, or of its value where it has none. */
  atKey(path: Path): Position;
}

/** A document, or why the text cannot be read. */
export type Reading =
  | { readonly ok: true; readonly document: Document }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** How documents of a format are read and written. */
export interface Language {
  readonly format: DocumentFormat;
  read(file: string, text: string): Reading;
  /**
   * Puts another value into a text, and changes only the lines concerned.
   *
   * @throws {Refusal} when it cannot write that
   */
  write(document: Document, value: Fields): string;
}

/** Why an edit cannot be made. */
export class Refusal extends Error {}

/** A step as a document states it. */
export interface StepEntry {
  readonly index: number;
  readonly name: string;
  readonly fields: Fields;
}

/** The steps of a document; those that are no maps, or have no name, are left out. */
export function stepsOf(value: Fields): readonly StepEntry[] {
  const { workflow_steps: steps } = value;
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((fields: unknown, index) =>
    isRecord(fields) && typeof fields.name === "string"
      ? [{ index, name: fields.name, fields }]
      : []
  );
}

/** The names that a step lists in `depends_on`. */
export function dependsOn({ depends_on: stated }: Fields): readonly string[] {
  return [stated ?? []].flat().filter((name): name is string => typeof name === "string");
}

/** The value at a path; undefined when it is not there. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string | number, unknown>>)[key]
        : undefined,
    value,
  );
}

/** Whether two values are the same JSON; the order of keys does not count. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other) || one === other) return true;
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
      one.every((item, index) => isSame(item, other[index]));
  }
  if (!isRecord(one) || !isRecord(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
}
