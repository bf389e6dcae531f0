/** The language of manifests: documents in YAML. */

import { TaskerError } from "../core/errors.ts";
import { readYaml, type YamlText } from "../registry/yaml.ts";
import type { Document, Language, Reading } from "./document.ts";
import { problemsOf, unreadable } from "./problem.ts";
import { isRecord } from "./yaml_text.ts";
import { writeYaml } from "./yaml_writer.ts";

/** What was read of each document, with its nodes. */
const READ = new WeakMap<Document, YamlText>();

/** Documents in YAML. */
export const YAML: Language = {
  format: "yaml",
  read(file, text): Reading {
    try {
      const yaml = readYaml(file, text, { keepTokens: true });
      if (!isRecord(yaml.value)) return unreadable(yaml.at([]), "is not a map, expected fields");
      const { value, at, atKey } = yaml;
      const document = { file, text, language: YAML, value, code: new Map(), at, atKey };
      READ.set(document, yaml);
      return { ok: true, document };
    } catch (thrown) {
      if (!(thrown instanceof TaskerError)) throw thrown;
      return { ok: false, problems: problemsOf(thrown.faults, undefined) };
    }
  },
  write(document, value) {
    const { contents } = READ.get(document) ?? readYaml(document.file, document.text, {
      keepTokens: true,
    });
    return writeYaml(document.text, { contents, before: document.value, after: value });
  },
};
