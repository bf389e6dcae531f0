/** Documents of workflows: checks and edits texts for the API. */

import type { Problem } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import type { Documents, DocumentSource } from "../core/ports.ts";
import { readablePath } from "../registry/yaml.ts";
import { convertedText } from "../author/convert.ts";
import type { Language, Reading } from "../author/document.ts";
import { edit } from "../author/edit.ts";
import { openModules } from "../author/module_language.ts";
import { problems } from "../author/problems.ts";
import { suggestSteps } from "../author/suggest.ts";
import { YAML } from "../author/yaml_language.ts";

/** What texts without a name are called. */
const FILES = { yaml: "workflow.yaml", module: "workflow.ts" } as const;

/** Opens what checks and edits texts. */
export function openDocuments(): Documents {
  return {
    async check(of, directory) {
      const read = await readSource(of);
      return read.ok ? problems(read.document, directory) : read.problems;
    },
    async edit(of, { edits, as, directory }) {
      const read = await readSource(of);
      if (!read.ok) throw unreadable(of, read.problems);
      const edited = edit(read.document, edits);
      const text = as === undefined ? edited.text : convertedText(edited, as);
      const again = text === edited.text ? undefined : await readSource({ text, format: as });
      return { text, problems: problems(again?.ok ? again.document : edited, directory) };
    },
    async suggest(of, from) {
      const read = await readSource(of);
      if (!read.ok) throw unreadable(of, read.problems);
      return suggestSteps(read.document.value, from);
    },
  };
}

async function readSource({ text, ...of }: DocumentSource): Promise<Reading> {
  const language = await languageOf(of);
  return language.read(of.file ?? FILES[language.format], text);
}

async function languageOf({ format, file = "" }: Omit<DocumentSource, "text">): Promise<Language> {
  const isModule = format === undefined ? file.endsWith(".ts") : format === "module";
  return isModule ? await openModules() : YAML;
}

function unreadable({ file }: DocumentSource, found: readonly Problem[]): TaskerError {
  const faults = found.map(({ path, code, text }) => ({
    path: readablePath(path),
    code,
    detail: text,
  }));
  const [first] = found;
  const place = first?.at === undefined ? "" : ` at line ${first.at.line}`;
  const what = file === undefined ? "the text" : `"${file}"`;
  return new TaskerError(
    "definition.invalid",
    `Cannot read ${what}${place}: ${first?.text ?? ""}`,
    { faults },
  );
}
