/** Support of the tests of documents: reads texts, makes edits, lists problems. */

import { ok } from "node:assert/strict";
import type { Directory, Edit } from "../core/authoring.ts";
import type { Document } from "./document.ts";
import { edit } from "./edit.ts";
import { problems } from "./problems.ts";
import { YAML } from "./yaml_language.ts";

/** Reads a manifest that can be read. */
export function yamlDocument(text: string): Document {
  const read = YAML.read("a.yaml", text);
  ok(read.ok, read.ok ? "" : JSON.stringify(read.problems));
  return read.document;
}

/** The text of a manifest after edits. */
export function edited(text: string, ...edits: readonly Edit[]): string {
  return edit(yamlDocument(text), edits).text;
}

/** The lines that one text has and the other has not: `-` what went, `+` what came. */
export function changedLines(before: string, after: string): readonly string[] {
  const left = before.split("\n");
  const come = after.split("\n").flatMap((line) => {
    const at = left.indexOf(line);
    if (at < 0) return [`+${line}`];
    left.splice(at, 1);
    return [];
  });
  return [...left.map((line) => `-${line}`), ...come];
}

/** The problems of a text: line and column, path, code; `?` behind a warning. */
export function problemsIn(text: string, directory?: Directory): readonly string[] {
  const read = YAML.read("a.yaml", text);
  const found = read.ok ? problems(read.document, directory) : read.problems;
  return found.map(({ at, path, code, severity }) =>
    `${at?.line}:${at?.column} ${path.join(".")} ${code}${severity === "warning" ? "?" : ""}`
  );
}
