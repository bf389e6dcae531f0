/** Documents of workflows: checks and edits texts for the API. */

import type { Edit, Problem } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import type { Documents, DocumentSource, Runtime } from "../core/ports.ts";
import { readablePath, readYaml } from "../registry/yaml.ts";
import { convertedText } from "../author/convert.ts";
import type { Document, Language, Reading } from "../author/document.ts";
import { editing } from "../author/edit.ts";
import { openModules } from "../author/module_language.ts";
import { problems } from "../author/problems.ts";
import { suggestSteps } from "../author/suggest.ts";
import { YAML } from "../author/yaml_language.ts";

/** What texts without a name are called. */
const FILES = { yaml: "workflow.yaml", module: "workflow.ts" } as const;

/** Time for the edits of one request, ms: in an ordinary document that is hundreds. */
const EDITS_MS_MAX = 10_000;

/** What it needs of the process. */
type Clock = Pick<Runtime, "monotonic" | "soon">;

/** Opens what checks and edits texts. */
export function openDocuments(clock: Clock): Documents {
  return {
    async check(of, directory) {
      // Many at once are not one long stop: whoever else asks, and the beat, come in between.
      await new Promise<void>((go) => clock.soon(go));
      const read = await readSource(of);
      return read.ok ? problems(read.document, directory) : read.problems;
    },
    async read({ file = FILES.yaml, text }) {
      await new Promise<void>((go) => clock.soon(go));
      return readYaml(file, text).carried();
    },
    async edit(of, { edits, as, directory }) {
      const edited = await editInTime(await documentOf(of), edits, clock);
      const text = as === undefined ? edited.text : convertedText(edited, as);
      const again = text === edited.text ? undefined : await readSource({ text, format: as });
      return { text, problems: problems(again?.ok ? again.document : edited, directory) };
    },
    async suggest(of, from) {
      return suggestSteps((await documentOf(of)).value, from);
    },
  };
}

/** Makes edits, and lets others run after each. */
async function editInTime(
  document: Document,
  edits: readonly Edit[],
  clock: Clock,
): Promise<Document> {
  const endMs = clock.monotonic() + EDITS_MS_MAX;
  let [edited, count] = [document, 0];
  for (edited of editing(document, edits)) {
    count++;
    await new Promise<void>((go) => clock.soon(go));
    if (count === edits.length || clock.monotonic() <= endMs) continue;
    throw new TaskerError(
      "document.edit_refused",
      `Cannot make ${edits.length} edits at once: after ${EDITS_MS_MAX / 1_000} s ${count} were ` +
        "made, and none is kept; send fewer at a time",
    );
  }
  return edited;
}

/** Reads a text. @throws {TaskerError} definition.invalid when it cannot be read */
export async function documentOf(of: DocumentSource): Promise<Document> {
  const read = await readSource(of);
  if (!read.ok) throw unreadable(of, read.problems);
  return read.document;
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
