/** Edits: one list of changes for everyone who changes a document. Pure. */

import type { Edit } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { findUnfit } from "../core/json.ts";
import { nearestOf } from "../core/nearest.ts";
import {
  dependsOn,
  type Document,
  type Fields,
  isSame,
  type Path,
  Refusal,
  type StepEntry,
  stepsOf,
  valueAt,
} from "./document.ts";
import { mappingsOf, referencesIn, renameRoot } from "./references.ts";
import { isRecord } from "./yaml_text.ts";
import { readablePath } from "../registry/yaml.ts";

/** Levels of a value that an edit puts. */
const VALUE_DEPTH_MAX = 32;

/**
 * Makes edits, one after the other, or none of them. The text changes in the lines concerned alone; it is
 * read again after each edit, and has to say what was meant.
 *
 * Cost: O(edits × size); some 0.2 s an edit of 500 steps.
 *
 * @throws {TaskerError} document.edit_refused, which names the edit and the reason
 */
export function edit(document: Document, edits: readonly Edit[]): Document {
  let last = document;
  for (last of editing(document, edits));
  return last;
}

/** Does the same in parts: gives the document after each edit, so that others run in between. */
export function* editing(document: Document, edits: readonly Edit[]): Generator<Document> {
  let before = document;
  for (const [index, one] of edits.entries()) {
    try {
      before = editOnce(before, one);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const which = edits.length === 1 ? "" : ` (edit ${index + 1} of ${edits.length})`;
      throw new TaskerError(
        "document.edit_refused",
        `Cannot ${describeEdit(one)}${which}: ${thrown.message}`,
        { cause: thrown },
      );
    }
    yield before;
  }
}

/** Says what an edit does. */
export function describeEdit(edit: Edit): string {
  switch (edit.kind) {
    case "add_step":
      return `add step "${edit.step.name}"`;
    case "remove_step":
      return `remove step "${edit.name}"`;
    case "rename_step":
      return `rename step "${edit.name}" to "${edit.to}"`;
    case "connect":
      return `let step "${edit.to}" depend on "${edit.from}"`;
    case "disconnect":
      return `disconnect step "${edit.to}" from "${edit.from}"`;
    case "set":
    case "unset": {
      const of = edit.step === undefined ? "" : ` of step "${edit.step}"`;
      return `${edit.kind} ${readablePath(edit.field)}${of}`;
    }
  }
}

function refuse(detail: string): never {
  throw new Refusal(detail);
}

function editOnce(document: Document, edit: Edit): Document {
  const value = applied(document, edit);
  if (isSame(value, document.value)) return document;
  const text = document.language.write(document, value);
  const read = document.language.read(document.file, text);
  if (!read.ok) {
    const [problem] = read.problems;
    return refuse(`the text would not be readable any more: ${problem?.text ?? ""}`);
  }
  if (!isSame(read.document.value, value)) {
    refuse("the text would say something else than is meant; change it by hand");
  }
  return read.document;
}

function applied(document: Document, edit: Edit): Fields {
  const { value } = document;
  switch (edit.kind) {
    case "add_step":
      return withSteps(value, addStep(value, edit));
    case "remove_step":
      return removeStep(value, edit.name);
    case "rename_step":
      return renameStep(value, edit.name, edit.to);
    case "connect":
      return connect(value, edit.from, edit.to);
    case "disconnect":
      return disconnect(value, edit.from, edit.to);
    case "set":
    case "unset": {
      const path = pathOf(document, edit);
      if (edit.kind === "unset") return unset(value, path);
      const unfit = edit.value === undefined
        ? { path: "", detail: "is missing" }
        : findUnfit(edit.value, VALUE_DEPTH_MAX);
      if (unfit !== undefined) refuse(`the value ${unfit.detail}`);
      return put(value, path, edit.value) as Fields;
    }
  }
}

function listOf({ workflow_steps: steps }: Fields): readonly unknown[] {
  if (steps === undefined || steps === null) return [];
  return Array.isArray(steps) ? steps : refuse("`workflow_steps` is not a list");
}

function withSteps(value: Fields, steps: readonly unknown[]): Fields {
  return { ...value, workflow_steps: steps };
}

/** Finds the only step of a name. */
function stepNamed(value: Fields, name: string): StepEntry {
  const steps = stepsOf(value);
  const found = steps.filter((step) => step.name === name);
  if (found.length > 1) refuse(`several steps are named "${name}": rename them by hand first`);
  const [step] = found;
  if (step !== undefined) return step;
  const near = nearestOf(name, steps.map((step) => step.name));
  return refuse(
    `there is no step "${name}"${near === undefined ? "" : `, did you mean "${near}"`}`,
  );
}

function demandFree(value: Fields, name: string): void {
  if (name === "input") refuse('"input" stands for the input of the task');
  if (stepsOf(value).some((step) => step.name === name)) {
    refuse(`a step is named "${name}" already`);
  }
}

function addStep(
  value: Fields,
  { step, before, after }: Extract<Edit, { kind: "add_step" }>,
): readonly unknown[] {
  demandFree(value, step.name);
  const unfit = findUnfit(step, VALUE_DEPTH_MAX);
  if (unfit !== undefined) refuse(`the step ${unfit.detail}`);
  if (before !== undefined && after !== undefined) {
    refuse("`before` and `after` exclude each other");
  }
  const steps = listOf(value);
  const place = before !== undefined
    ? stepNamed(value, before).index
    : after !== undefined
    ? stepNamed(value, after).index + 1
    : steps.length;
  return steps.toSpliced(place, 0, step);
}

function removeStep(value: Fields, name: string): Fields {
  const { index } = stepNamed(value, name);
  const steps = listOf(value).toSpliced(index, 1);
  return withSteps(
    value,
    steps.map((step) => isRecord(step) ? withoutEdge(step, name) : step),
  );
}

function renameStep(value: Fields, name: string, to: string): Fields {
  const { index } = stepNamed(value, name);
  if (name === to) return value;
  demandFree(value, to);
  const steps = listOf(value).map((step, at) => {
    if (!isRecord(step)) return step;
    const { depends_on: stated } = step;
    const rename = (one: unknown) => one === name ? to : one;
    let renamed: Fields = {
      ...step,
      ...(stated !== undefined &&
        { depends_on: Array.isArray(stated) ? stated.map(rename) : rename(stated) }),
    };
    for (const { path, value } of mappingsOf(step)) {
      renamed = put(renamed, path, renameRoot(value, name, to)) as Fields;
    }
    return at === index ? { ...renamed, name: to } : renamed;
  });
  const { output } = value;
  return {
    ...withSteps(value, steps),
    ...(isRecord(output) && output.with !== undefined &&
      { output: { ...output, with: renameRoot(output.with, name, to) } }),
  };
}

function connect(value: Fields, from: string, to: string): Fields {
  stepNamed(value, from);
  const { index, fields } = stepNamed(value, to);
  if (from === to) refuse("a step cannot wait for itself");
  const names = dependsOn(fields);
  if (names.includes(from)) return value;
  const stated = fields.depends_on;
  const list = Array.isArray(stated) ? stated : names;
  const depends_on = list.length === 0 ? from : [...list, from];
  return put(value, ["workflow_steps", index], { ...fields, depends_on }) as Fields;
}

function disconnect(value: Fields, from: string, to: string): Fields {
  const { index, fields } = stepNamed(value, to);
  if (!dependsOn(fields).includes(from)) {
    const reference = referencesIn(fields).find(({ root }) => root === from);
    refuse(
      reference === undefined
        ? "there is no such edge"
        : `${readablePath(reference.path)} reads the result of "${from}": change that first`,
    );
  }
  return put(value, ["workflow_steps", index], withoutEdge(fields, from)) as Fields;
}

function withoutEdge(step: Fields, name: string): Fields {
  const { depends_on: stated, ...rest } = step;
  if (!dependsOn(step).includes(name)) return step;
  const left = Array.isArray(stated) ? stated.filter((one) => one !== name) : [];
  if (left.length === 0) return rest;
  // In its own place, because the order of fields is that of the text.
  return { ...step, depends_on: left };
}

/** Where the field of an edit is in the document. What code computes cannot be changed here. */
function pathOf(
  document: Document,
  { step, field }: { readonly step?: string; readonly field: Path },
): Path {
  const [first] = field;
  if (step === undefined && first === "workflow_steps") {
    refuse("steps are changed by name: add, remove or rename them, or set a field of one");
  }
  if (step !== undefined && first === "name") refuse("a name is changed by `rename_step`");
  if (field.includes("__proto__")) refuse('"__proto__" cannot be the name of a field');
  const path = step === undefined
    ? field
    : ["workflow_steps", stepNamed(document.value, step).index, ...field];
  for (let length = 1; length <= path.length; length++) {
    const part = document.code.get(JSON.stringify(path.slice(0, length)));
    if (part !== undefined) refuse(`code computes it (${part.name}): change the module by hand`);
  }
  return path;
}

/** Puts a value at a path; maps on the way are made where there is nothing. */
function put(holder: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === "number") {
    const list = holder ?? [];
    if (!Array.isArray(list)) refuse(`[${key}] is looked for in what is not a list`);
    if (key > list.length) {
      refuse(`the list has ${list.length} entries, so there is no place ${key}`);
    }
    return list.toSpliced(key, 1, put(list[key], rest, value));
  }
  const fields = holder ?? {};
  if (!isRecord(fields)) return refuse(`"${key}" is looked for in what is not a map`);
  const inner = Object.hasOwn(fields, key) ? fields[key] : undefined;
  return { ...fields, [key]: put(inner, rest, value) };
}

function unset(value: Fields, path: Path): Fields {
  const key = path.at(-1);
  const holder = valueAt(value, path.slice(0, -1));
  if (key === undefined || valueAt(value, path) === undefined) {
    return refuse("there is no such field");
  }
  if (Array.isArray(holder)) {
    return put(value, path.slice(0, -1), holder.toSpliced(Number(key), 1)) as Fields;
  }
  const { [key]: _, ...rest } = holder as Record<string, unknown>;
  return (path.length === 1 ? rest : put(value, path.slice(0, -1), rest)) as Fields;
}
