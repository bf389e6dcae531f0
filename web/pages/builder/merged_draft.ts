/** Drafts into a document that is there: the steps of the one are added to the other. Pure. */

import { type Fields, stepsOf, valueAt } from "../../../src/author/document.ts";
import { edit } from "../../../src/author/edit.ts";
import { YAML } from "../../../src/author/yaml_language.ts";
import type { Edit } from "../../../src/core/authoring.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { freeName } from "./gestures.ts";

/**
 * The edits that add a draft's steps, with what they need of its input and systems. Names that are taken
 * get a number, and what refers to them follows; the document's own contracts stay as they are.
 *
 * @throws {TaskerError} document.edit_refused
 */
export function editsAdding(value: Fields, draftText: string): readonly Edit[] {
  const reading = YAML.read("draft.yaml", draftText);
  if (!reading.ok) return [];
  const taken = new Set(stepsOf(value).map(({ name }) => name));
  const clashing = stepsOf(reading.document.value).filter(({ name }) => taken.has(name));
  let draft = reading.document;
  for (const { name } of clashing) {
    const both = {
      workflow_steps: [...stepsOf(value), ...stepsOf(draft.value)].map(({ fields }) => fields),
    };
    draft = edit(draft, [{ kind: "rename_step", name, to: freeName(both, name) }]);
  }
  return [
    ...inputEdits(value, draft.value),
    ...systemEdits(value, draft.value),
    ...stepsOf(draft.value).map(({ name, fields }): Edit => ({
      kind: "add_step",
      step: { ...fields, name },
    })),
  ];
}

function inputEdits(value: Fields, draft: Fields): readonly Edit[] {
  if (draft.input === undefined) return [];
  if (value.input === undefined) return [{ kind: "set", field: ["input"], value: draft.input }];
  const known = valueAt(value, ["input", "properties"]);
  const wanted = valueAt(draft, ["input", "properties"]);
  const names = Object.keys(isKeywords(wanted) ? wanted : {})
    .filter((name) => !isKeywords(known) || !Object.hasOwn(known, name));
  if (names.length === 0) return [];
  const required = listAt(value, ["input", "required"]);
  return [
    ...names.map((name): Edit => ({
      kind: "set",
      field: ["input", "properties", name],
      value: valueAt(wanted, [name]),
    })),
    {
      kind: "set",
      field: ["input", "required"],
      value: [
        ...required,
        ...listAt(draft, ["input", "required"]).filter((name) => names.includes(String(name))),
      ],
    },
  ];
}

function systemEdits(value: Fields, draft: Fields): readonly Edit[] {
  const systems = isKeywords(draft.systems) ? draft.systems : {};
  return Object.entries(systems).flatMap(([name, system]): readonly Edit[] => {
    if (valueAt(value, ["systems", name]) === undefined) {
      return [{ kind: "set", field: ["systems", name], value: system }];
    }
    const field = ["systems", name, "capabilities"];
    const known = listAt(value, field);
    const names = known.map(nameOf);
    const more = listAt(system, ["capabilities"]).filter((one) => !names.includes(nameOf(one)));
    return more.length === 0 ? [] : [{ kind: "set", field, value: [...known, ...more] }];
  });
}

function nameOf(capability: unknown): unknown {
  return isKeywords(capability) ? capability.name : capability;
}

function listAt(value: unknown, path: readonly string[]): readonly unknown[] {
  const list = valueAt(value, path);
  return Array.isArray(list) ? list : [];
}
