/** Documents of workflows: checks and edits texts for the API. */

import type { Problem } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import type { Documents, DocumentSource } from "../core/ports.ts";
import { readablePath } from "../registry/yaml.ts";
import type { Reading } from "../author/document.ts";
import { edit } from "../author/edit.ts";
import { problems } from "../author/problems.ts";
import { YAML } from "../author/yaml_language.ts";

/** Names a text that has no name. */
const FILE = "workflow.yaml";

/** Opens what checks and edits texts. */
export function openDocuments(): Documents {
  return {
    check(of, directory) {
      const read = readSource(of);
      return Promise.resolve(read.ok ? problems(read.document, directory) : read.problems);
    },
    edit(of, { edits, directory }) {
      const read = readSource(of);
      if (!read.ok) return Promise.reject(unreadable(of, read.problems));
      try {
        const edited = edit(read.document, edits);
        return Promise.resolve({ text: edited.text, problems: problems(edited, directory) });
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
}

function readSource({ text, file = FILE }: DocumentSource): Reading {
  return YAML.read(file, text);
}

function unreadable(
  { file = FILE }: DocumentSource,
  found: readonly Problem[],
): TaskerError {
  const faults = found.map(({ path, code, text }) => ({
    path: readablePath(path),
    code,
    detail: text,
  }));
  const [first] = found;
  const place = first?.at === undefined ? "" : ` at line ${first.at.line}`;
  return new TaskerError(
    "definition.invalid",
    `Cannot read "${file}"${place}: ${first?.text ?? ""}`,
    { faults },
  );
}
