/** The graph of a document: what the canvas draws of it. Pure. */

import type { Fields } from "../../../src/author/document.ts";
import { stepsOf } from "../../../src/author/document.ts";
import { graphOf, referencesIn } from "../../../src/author/references.ts";
import type { Problem } from "../../../src/core/authoring.ts";
import type { GraphEdge, GraphStep } from "../../graph/graph_model.ts";

/** Steps and edges. Steps of the same name are drawn once. */
export function graphOfDocument(
  value: Fields,
  problems: readonly Problem[],
): { readonly steps: readonly GraphStep[]; readonly edges: readonly GraphEdge[] } {
  const found = problemsByStep(value, problems);
  const steps = new Map(
    stepsOf(value).map(({ name, fields }) => {
      const of = found.get(name) ?? [];
      const step: GraphStep = {
        name,
        kind: kindOf(fields),
        detail: detailOf(fields),
        errors: of.filter(({ severity }) => severity === "error").length,
        warnings: of.filter(({ severity }) => severity === "warning").length,
      };
      return [name, step];
    }),
  );
  return { steps: [...steps.values()], edges: edgesOf(value) };
}

/** Edges, each once: by data where a result is read. */
export function edgesOf(value: Fields): readonly GraphEdge[] {
  const readBy = new Map(
    stepsOf(value).map(({ name, fields }) => [
      name,
      new Set(referencesIn(fields).map(({ root }) => root)),
    ]),
  );
  return [...graphOf(value)].flatMap(([to, parents]) =>
    parents.map((from): GraphEdge => ({
      from,
      to,
      kind: readBy.get(to)?.has(from) ? "data" : "order",
    }))
  );
}

/** Problems by the step that they are in. */
export function problemsByStep(
  value: Fields,
  problems: readonly Problem[],
): ReadonlyMap<string, readonly Problem[]> {
  const names = new Map(stepsOf(value).map(({ index, name }) => [index, name]));
  return Map.groupBy(
    problems.filter(({ path }) => path[0] === "workflow_steps"),
    ({ path }) => names.get(Number(path[1])) ?? "",
  );
}

/** What kind of work a step is. */
export function kindOf(fields: Fields): GraphStep["kind"] {
  if (fields.todo !== undefined) return "todo";
  for (const kind of ["sleep", "signal", "http", "transform"] as const) {
    if (fields[kind] !== undefined) return kind;
  }
  const isSent = fields.capability !== undefined || fields.event_pattern !== undefined;
  return fields.handler !== undefined || fields.run !== undefined || !isSent ? "local" : "remote";
}

/** Who does the work, or how it is done, in a line. */
function detailOf(fields: Fields): string {
  const { owner, capability, event_pattern: event, handler, sleep, signal, http, todo } = fields;
  const text = (...parts: readonly unknown[]) =>
    parts.filter((part) => typeof part === "string").join(" · ");
  switch (kindOf(fields)) {
    case "todo":
      return text(todo);
    case "sleep":
      return `waits ${String(sleep)}`;
    case "signal":
      return text("waits for a person", (signal as Fields | null)?.timeout);
    case "http":
      return text((http as Fields | null)?.method, (http as Fields | null)?.url);
    case "transform":
      return "makes a value";
    case "local":
      return text(owner, handler);
    case "remote":
      return text(owner, capability ?? event);
  }
}
