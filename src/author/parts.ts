/** Parts of a draft: takes steps out of a document, so that the others go on without them. Pure. */

import type { Edit } from "../core/authoring.ts";
import { dependsOn, type Document, stepsOf } from "./document.ts";
import { edit } from "./edit.ts";
import { graphOf, referencesIn } from "./references.ts";
import { isRecord } from "./yaml_text.ts";

/** A document without some of its steps, and the edits that made it. */
export interface Without {
  readonly document: Document;
  readonly edits: readonly Edit[];
}

/**
 * Takes steps out. Those that waited for one wait for what it waited for; what was read of it is read no
 * more, which is a problem where it is required; systems that nobody asks any more are left out.
 *
 * @throws {TaskerError} document.edit_refused
 */
export function withoutSteps(document: Document, names: readonly string[]): Without {
  let left: Without = { document, edits: [] };
  for (const name of names) left = next(left, without(left.document, name));
  return next(left, unusedSystems(left.document));
}

function next({ document, edits }: Without, more: readonly Edit[]): Without {
  return more.length === 0
    ? { document, edits }
    : { document: edit(document, more), edits: [...edits, ...more] };
}

function without({ value }: Document, name: string): readonly Edit[] {
  const graph = graphOf(value);
  const parents = graph.get(name) ?? [];
  const others = stepsOf(value).filter((step) => step.name !== name);
  return [
    ...others.filter((step) => graph.get(step.name)?.includes(name)).flatMap(
      ({ name: to, fields }) => [
        ...referencesIn(fields).filter(({ root }) => root === name)
          .map(({ path }): Edit => ({ kind: "unset", step: to, field: [...path] })),
        ...parents.filter((from) => !dependsOn(fields).includes(from))
          .map((from): Edit => ({ kind: "connect", from, to })),
      ],
    ),
    { kind: "remove_step", name },
  ];
}

/** A system by capability alone may be any: then all of them stay. */
function unusedSystems({ value }: Document): readonly Edit[] {
  const steps = stepsOf(value);
  const { systems } = value;
  const isAny = steps.some(({ fields: { capability, owner } }) =>
    capability !== undefined && owner === undefined
  );
  if (!isRecord(systems) || isAny) return [];
  const owners = new Set(steps.map(({ fields: { owner } }) => owner));
  return Object.keys(systems).filter((name) => !owners.has(name))
    .map((name): Edit => ({ kind: "unset", field: ["systems", name] }));
}
