/** Conversion: writes a document anew, as a manifest or as a module. */

import type { DocumentFormat } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { readablePath } from "../registry/yaml.ts";
import type { Document, Fields, Path } from "./document.ts";
import { moduleText } from "./module_text.ts";
import { manifestText } from "./yaml_text.ts";

/** Writes a workflow as a new text of a format. It says the same in both. */
export function newText(value: Fields, format: DocumentFormat): string {
  return format === "yaml" ? manifestText(value) : moduleText(value);
}

/**
 * Returns the text of a document in a format: its own where it has that already.
 *
 * @throws {TaskerError} document.edit_refused when a part of it is code, which no other text could say
 */
export function convertedText(document: Document, format: DocumentFormat): string {
  if (document.language.format === format) return document.text;
  const [code] = document.code;
  if (code === undefined) return newText(document.value, format);
  const [path, { name }] = code;
  throw new TaskerError(
    "document.edit_refused",
    `Cannot write "${document.file}" as ${format}: ${
      readablePath(JSON.parse(path) as Path)
    } is code ` +
      `(${name})`,
  );
}
