/** Changes: what a version of a workflow has that another one has not, as people read it. */

import { compareSchemas } from "../core/compatibility.ts";
import type { WorkflowChange } from "../core/deployment.ts";
import type { Definition, JsonSchema, StepContract, StepDefinition } from "../core/workflow.ts";
import { show } from "./field_checks.ts";
import { canonical } from "./hash.ts";

/** More changes are counted, not listed. */
const CHANGES_SHOWN_MAX = 500;

/** Contracts that are compared by what they accept; of more it is only said that they changed. */
const COMPARED_MAX = 100;

/** Changes of a workflow, and how many more there are. */
export interface Changes {
  readonly shown: readonly WorkflowChange[];
  readonly more: number;
}

/**
 * Lists what changes between two versions: steps, their fields and policies, edges, and contracts, with
 * whether they accept more or less than before. Without a version before, everything is new, and
 * each step is named.
 *
 * Cost: O(steps + edges), and about 1 ms a contract that changed.
 */
export function changesBetween(before: Definition | undefined, after: Definition): Changes {
  const all = new Differences().between(before, after);
  const shown = all.slice(0, CHANGES_SHOWN_MAX);
  return { shown, more: all.length - shown.length };
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields of a step that have a part of their own in the list. */
const APART = ["name", "needs", "after", "contract", "policy"] as const;

class Differences {
  #compared = 0;

  between(before: Definition | undefined, after: Definition): readonly WorkflowChange[] {
    const old = new Map((before?.steps ?? []).map((step) => [step.name, step]));
    const names = new Set(after.steps.map(({ name }) => name));
    const removed = [...old.values()].filter(({ name }) => !names.has(name));
    return [
      ...(before === undefined ? [] : this.#head(before, after)),
      ...removed.map((step) => changeOf("step", "removed", step.name, describe(step))),
      ...after.steps.flatMap((step) => {
        const known = old.get(step.name);
        if (known !== undefined) return this.#step(known, step);
        return [changeOf("step", "added", step.name, describe(step))];
      }),
      ...edges(before, after),
    ];
  }

  #head(before: Definition, after: Definition): readonly WorkflowChange[] {
    const head = ({ steps: _, version: __, input: ___, output, ...rest }: Definition) => ({
      ...rest,
      output: output?.with,
    });
    return [
      ...fieldChanges("workflow", "", head(before), head(after)),
      ...this.#contract("input", before.input, after.input),
      ...this.#contract("output", before.output?.success, after.output?.success),
    ];
  }

  #step(before: StepDefinition, after: StepDefinition): readonly WorkflowChange[] {
    const { name } = after;
    const parts = Object.keys({ ...before.contract, ...after.contract }) as (keyof StepContract)[];
    return [
      ...fieldChanges("step", name, without(before), without(after)),
      ...fieldChanges("policy", `${name}.policy`, before.policy as Fields, after.policy as Fields),
      ...parts.flatMap((part) =>
        this.#contract(`${name}.${part}`, before.contract[part], after.contract[part])
      ),
    ];
  }

  #contract(
    path: string,
    before: JsonSchema | undefined,
    after: JsonSchema | undefined,
  ): readonly WorkflowChange[] {
    if (canonical(before) === canonical(after)) return [];
    const what = before === undefined ? "added" : after === undefined ? "removed" : "changed";
    this.#compared += 1;
    const text = this.#compared > COMPARED_MAX
      ? "accepts other values, perhaps"
      : acceptance(before, after);
    return [changeOf("contract", what, path, text)];
  }
}

/** What a contract accepts, compared with the one before. */
function acceptance(before: JsonSchema | undefined, after: JsonSchema | undefined): string {
  if (before === undefined) return "is checked from now on";
  if (after === undefined) return "is not checked any more";
  const [kept, back] = [compareSchemas(before, after), compareSchemas(after, before)];
  const reason = kept.kind === "compatible" ? back : kept;
  const [first] = reason.kind === "compatible" ? [] : reason.misfits;
  const why = first === undefined ? "" : `: ${first.path} ${first.detail}`.replace(":  ", ": ");
  if (kept.kind === "compatible") {
    return back.kind === "compatible"
      ? "accepts the same values"
      : `accepts more than before${why}`;
  }
  return kept.kind === "breaks"
    ? `refuses what was accepted before${why}`
    : `may refuse what was accepted before${why}`;
}

function without(step: StepDefinition): Fields {
  return Object.fromEntries(
    Object.entries(step).filter(([field]) => !(APART as readonly string[]).includes(field)),
  );
}

function describe({ kind, owner, event, capability, when }: StepDefinition): string {
  const asks = capability?.name ?? event;
  const by = kind === "remote" ? ` of ${owner === "*" ? "any system" : owner}` : "";
  return `${kind}${by}${asks === undefined ? "" : `, ${asks}`}` +
    (when === "succeeded" ? "" : `, when ${when}`);
}

/** Field by field, so that a change deep inside is named by its path. */
function fieldChanges(
  part: WorkflowChange["part"],
  path: string,
  before: Fields,
  after: Fields,
): readonly WorkflowChange[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.flatMap((field): readonly WorkflowChange[] => {
    const [old, now] = [before[field], after[field]];
    if (canonical(old) === canonical(now)) return [];
    const inner = path === "" ? field : `${path}.${field}`;
    if (isRecord(old) && isRecord(now)) return fieldChanges(part, inner, old, now);
    if (old === undefined) return [changeOf(part, "added", inner, show(now))];
    if (now === undefined) return [changeOf(part, "removed", inner, `was ${show(old)}`)];
    return [changeOf(part, "changed", inner, `${show(old)} → ${show(now)}`)];
  });
}

function edges(before: Definition | undefined, after: Definition): readonly WorkflowChange[] {
  const [old, now] = [edgesOf(before), edgesOf(after)];
  const changes = (what: "added" | "removed", of: ReadonlySet<string>) =>
    [...of].map((edge) => changeOf("edge", what, edge, ""));
  return [...changes("removed", old.difference(now)), ...changes("added", now.difference(old))];
}

function edgesOf(definition: Definition | undefined): Set<string> {
  return new Set(
    (definition?.steps ?? []).flatMap(({ name, needs, after }) =>
      [...Object.values(needs), ...after].map((from) => `${from} → ${name}`)
    ),
  );
}

function changeOf(
  part: WorkflowChange["part"],
  what: WorkflowChange["what"],
  path: string,
  text: string,
): WorkflowChange {
  return { part, what, path, text };
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
