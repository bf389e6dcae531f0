/**
 * Suggestions: the next steps of a workflow that is being written, by contracts, by what other workflows
 * do, and by what is missing. Pure, and without a model.
 */

import { stringify } from "yaml";
import type { Edit } from "../core/authoring.ts";
import type { SuggestionContext } from "../core/ports.ts";
import type { FollowTable, Suggestion } from "../core/suggestion.ts";
import { type Fields, valueAt } from "./document.ts";
import type { Offer } from "./plan/capability_index.ts";
import { fieldsOf, requiredOf } from "./plan/contracts.ts";
import { knownSteps } from "./plan/known_steps.ts";
import { nameSteps } from "./plan/names.ts";
import { FailureBranch, guardedBy, newStep, type PlannedStep } from "./plan/planned_step.ts";
import { isNotice, sourcesFor } from "./plan/sources.ts";
import { inverseOf } from "./plan/templates.ts";
import { inputEdits, systemEdits } from "./plan/write_changes.ts";
import { stepValue } from "./plan/write_edits.ts";
import { isRecord } from "./yaml_text.ts";

/** A step that could be added, and what speaks for it. */
interface Candidate {
  readonly offer: Offer;
  readonly parents: readonly PlannedStep[];
  readonly isAfterFailure?: boolean;
  readonly score: number;
  readonly why: readonly string[];
}

/**
 * Suggests steps, the best first.
 *
 * Shape: at most `limit`; none twice, and none that is there. Times are not known here.
 * Cost: O(steps + capabilities).
 */
export function suggestSteps(value: Fields, context: SuggestionContext): readonly Suggestion[] {
  const offers = context.directory.systems
    .filter(({ granted, healthy }) =>
      granted !== false && (healthy !== false || context.capability !== undefined)
    )
    .flatMap(({ name, capabilities }) =>
      capabilities.map((capability): Offer => ({ system: name, capability }))
    );
  const steps = knownSteps(value, offers);
  const ends = endsOf(steps, context.after);
  const { capability, owner } = context;
  const isAsked = (offer: Offer) =>
    offer.capability.name === (capability ?? offer.capability.name) &&
    offer.system === (owner ?? offer.system);
  const isNew = (offer: Offer) => !steps.some((step) => step.offer === offer);
  const unused = offers.filter((offer) =>
    isAsked(offer) && (capability !== undefined || isNew(offer))
  );
  const known = { given: givenBy(ends), ofInput: new Set(Object.keys(inputOf(value))) };
  const candidates = [
    ...unused.map((offer) => nextCandidate(offer, { ...known, ends, follows: context.follows })),
    ...(capability === undefined ? missingCandidates(steps, unused) : []),
  ].filter(({ score }) => score > 0 || capability !== undefined);
  const best = new Map<Offer, Candidate>();
  for (const one of candidates.sort((a, b) => b.score - a.score || compareOffers(a, b))) {
    if (!best.has(one.offer)) best.set(one.offer, one);
  }
  return [...best.values()].slice(0, context.limit).map((one) => suggestionOf(one, value, offers));
}

function compareOffers({ offer: a }: Candidate, { offer: b }: Candidate): number {
  const nameOf = ({ system, capability }: Offer) => `${capability.name} ${system}`;
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

/** The steps of the main path that nothing waits for. */
function endsOf(steps: readonly PlannedStep[], after: string | undefined): readonly PlannedStep[] {
  if (after !== undefined) return steps.filter(({ name }) => name === after);
  const main = steps.filter((step) =>
    [step, ...ancestorsOf(step)].every(({ when }) => when === "succeeded")
  );
  const waited = new Set(main.flatMap(({ parents }) => [...parents]));
  return main.filter((step) => !waited.has(step));
}

/** What speaks for a capability as the next step. */
function nextCandidate(
  offer: Offer,
  { given, ofInput, ends, follows }: {
    readonly given: ReadonlyMap<string, string>;
    readonly ofInput: ReadonlySet<string>;
    readonly ends: readonly PlannedStep[];
    readonly follows: FollowTable;
  },
): Candidate {
  const why: string[] = [];
  let score = 0;
  for (const end of ends) {
    const { of = 0, next } = follows.get(end.offer?.capability.name ?? "") ?? {};
    const count = next?.get(offer.capability.name) ?? 0;
    if (count === 0) continue;
    why.push(`follows ${end.offer?.capability.name} in ${count} of ${of} workflows`);
    score += 0.5 * count / (of + 1);
  }
  const required = requiredOf(offer);
  const fed = required.filter((name) => given.has(name) && !ofInput.has(name));
  const known = required.filter((name) => given.has(name) || ofInput.has(name));
  if (fed.length > 0) {
    const fields = fed.map((name) => `"${name}" of ${given.get(name)}`).join(", ");
    why.push(`takes ${fields}`);
    score += 0.4 * known.length / required.length;
  }
  return { offer, parents: ends, score, why };
}

/** The fields that steps and those before them give, each with the nearest step that gives it. */
function givenBy(ends: readonly PlannedStep[]): ReadonlyMap<string, string> {
  return new Map(
    ends.flatMap((end) =>
      [end, ...ancestorsOf(end)].flatMap((step) =>
        Object.keys(fieldsOf(step.offer?.capability.output))
          .map((field) => [field, step.name ?? ""] as const)
      )
    ).reverse(),
  );
}

function ancestorsOf(step: PlannedStep): readonly PlannedStep[] {
  const found = new Set<PlannedStep>();
  const open = [...step.parents];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    open.push(...one.parents);
  }
  return [...found];
}

/** What takes back a step that has an effect, and who hears of a failure. */
function missingCandidates(
  steps: readonly PlannedStep[],
  unused: readonly Offer[],
): readonly Candidate[] {
  const ends = endsOf(steps, undefined);
  if (ends.length === 0 || steps.some(({ when }) => when !== "succeeded")) return [];
  const undoes = steps.flatMap((step): Candidate[] => {
    const isLast = ends.includes(step) && ends.length === 1;
    const offer = isLast ? undefined : inverseOf(step, unused);
    if (offer === undefined) return [];
    const why = [`takes back ${step.name}, if a step after it fails`];
    return [{ offer, parents: ends, isAfterFailure: true, score: 0.35, why }];
  });
  const notices = unused.filter((offer) => isNotice({ offer }) && isForPeople(offer))
    .map((offer): Candidate => ({
      offer,
      parents: ends,
      isAfterFailure: true,
      score: 0.25,
      why: ["nobody hears of a failure so far"],
    }));
  return [...undoes, ...notices.slice(0, 1)];
}

/** Those who work here, not customers. */
function isForPeople({ capability: { name, description = "" } }: Offer): boolean {
  return /\b(?:support|team|ops|oncall|pager?|alert|chat|slack|channel|finance|it)\b/
    .test(`${name.replaceAll(/[._-]/g, " ")} ${description}`.toLowerCase());
}

/** Writes a candidate as the edits that add it to the document. */
function suggestionOf(
  { offer, parents, isAfterFailure, why }: Candidate,
  value: Fields,
  offers: readonly Offer[],
): Suggestion {
  const steps = knownSteps(value, offers);
  const step = newStep("remote", { text: "", clause: 0 });
  const added: PlannedStep = { ...step, offer };
  for (const { name } of parents) {
    const parent = steps.find((one) => one.name === name);
    if (parent !== undefined) added.parents.add(parent);
  }
  if (isAfterFailure) {
    added.when = "failed";
    added.branch = new FailureBranch("any", { kind: "failed", of: "any" });
  }
  const before = new Set(steps);
  const guardedBefore = guardedBy(steps);
  steps.push(added);
  nameSteps(steps);
  const known = inputOf(value);
  const input = new Map(Object.entries(known));
  const sources = sourcesFor(steps, added, input);
  nameSteps(steps);
  const head = {
    mappings: { of: new Map([[added, sources]]), input },
    name: typeof value.name === "string" ? value.name : "workflow",
  };
  const values = steps.filter((one) => !before.has(one)).map((one) => stepValue(one, head));
  return {
    step_name: added.name ?? "",
    description: offer.capability.description ?? `${offer.capability.name} of ${offer.system}`,
    handler_template: stringify(values.length === 1 ? values[0] : values),
    dependencies: [...added.parents].flatMap(({ name }) => name ?? []),
    risk_level: riskOf(offer),
    why: [...why],
    edits: [
      ...inputEdits(value, [...input].filter(([name]) => !Object.hasOwn(known, name))),
      ...systemEdits(value, [offer]),
      ...values.map((of): Edit => ({ kind: "add_step", step: of })),
      ...[...guardedBy(steps)].filter((one) => !guardedBefore.has(one)).flatMap(failingEdit),
    ],
  };
}

/** A step that is newly guarded fails once its attempts are used up, as in a plan. */
function failingEdit({ name, kind, known }: PlannedStep): readonly Edit[] {
  const isWork = kind === "remote" || kind === "other";
  if (name === undefined || known === undefined || !isWork) return [];
  if (known.on_exhausted !== undefined) return [];
  return [{ kind: "set", step: name, field: ["on_exhausted"], value: "fail" }];
}

function riskOf({ capability: { effect } }: Offer): Suggestion["risk_level"] {
  return effect === "none" ? "low" : effect === "idempotent" ? "medium" : "high";
}

function inputOf(value: Fields): Readonly<Record<string, Fields>> {
  const properties = valueAt(value, ["input", "properties"]);
  return isRecord(properties) ? properties as Readonly<Record<string, Fields>> : {};
}
