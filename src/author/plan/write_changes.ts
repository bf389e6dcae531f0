/** Writes a revised flow as the edits that make the document it: only what is different. */

import type { Edit } from "../../core/authoring.ts";
import { dependsOn, type Fields, type Path, stepsOf, valueAt } from "../document.ts";
import { referencesIn } from "../references.ts";
import { isRecord } from "../yaml_text.ts";
import { fieldsOf } from "./contracts.ts";
import type { PlannedEdit } from "./plan.ts";
import { guardedBy, outputOf, type PlannedStep, reaches } from "./planned_step.ts";
import { cannotQuestion, inputQuestion, readsQuestion } from "./questions.ts";
import type { Revision } from "./revision.ts";
import { isMain, readsOf } from "./rewire.ts";
import { inOrder, type Mappings } from "./sources.ts";
import { declared, durationText, exhaustionOf, stepValue, whyOf } from "./write_edits.ts";

/** Writes the edits of a revision. What they leave open is asked. */
export function writeChanges(
  revision: Revision,
  { value, mappings }: { readonly value: Fields; readonly mappings: Mappings },
): readonly PlannedEdit[] {
  const writer = new ChangeWriter(revision, value);
  writer.head(mappings);
  writer.added(mappings);
  for (const step of revision.steps) if (step.known !== undefined) writer.changed(step, step.known);
  writer.settings();
  writer.removed();
  writer.renamed();
  writer.version();
  return writer.edits;
}

/** What the task has to be given for new steps, beside what it is given already. */
export function inputEdits(
  value: Fields,
  added: readonly (readonly [string, unknown])[],
): readonly Edit[] {
  if (added.length === 0) return [];
  const names = added.map(([name]) => name);
  if (!isRecord(valueAt(value, ["input", "properties"]))) {
    const input = { type: "object", required: names, properties: Object.fromEntries(added) };
    return [{ kind: "set", field: ["input"], value: input }];
  }
  const required = valueAt(value, ["input", "required"]);
  const before = Array.isArray(required) ? required : [];
  return [
    ...added.map(([name, schema]): Edit => ({
      kind: "set",
      field: ["input", "properties", name],
      value: schema,
    })),
    { kind: "set", field: ["input", "required"], value: [...before, ...names] },
  ];
}

/** Declares the capability of a step in a document, unless that is done. */
export function systemEdits(
  value: Fields,
  offers: Iterable<NonNullable<PlannedStep["offer"]>>,
): readonly Edit[] {
  const bySystem = Map.groupBy(new Set(offers), ({ system }) => system);
  return [...bySystem].flatMap(([system, of]): Edit[] => {
    const known = valueAt(value, ["systems", system]);
    const list = isRecord(known) && Array.isArray(known.capabilities) ? known.capabilities : [];
    const missing = of.filter(({ capability }) =>
      !list.some((one: unknown) =>
        one === capability.name || (isRecord(one) && one.name === capability.name)
      )
    ).map(declared);
    if (missing.length === 0) return [];
    return isRecord(known)
      ? [{
        kind: "set",
        field: ["systems", system, "capabilities"],
        value: [...list, ...missing],
      }]
      : [{ kind: "set", field: ["systems", system], value: { capabilities: missing } }];
  });
}

/** Whether a reference stands at a path. */
function at(path: Path) {
  return (one: { readonly path: Path }) => JSON.stringify(one.path) === JSON.stringify(path);
}

/**
 * On a failure path, a text that says how a step ended says it of the step that is waited for instead.
 * Undefined: it reads something else, or several steps are waited for.
 */
function followedState(
  reader: PlannedStep,
  gone: PlannedStep,
  { text, reads }: {
    readonly text: unknown;
    readonly reads: readonly { readonly keys: readonly (string | number)[] }[];
  },
): string | undefined {
  const [parent, ...others] = reader.parents;
  const isState = reader.when !== "succeeded" &&
    reads.every(({ keys }) => keys.length === 1 && keys[0] === "state");
  const name = parent?.name;
  if (typeof text !== "string" || !isState || others.length > 0) return undefined;
  return name && text.replaceAll(new RegExp(`(?<![\\w-])${gone.name}(?![\\w-])`, "g"), name);
}

class ChangeWriter {
  readonly edits: PlannedEdit[] = [];
  /** Names of the document's steps, in its order, with those that were added. */
  readonly #order: string[];
  readonly #guarded: ReadonlySet<PlannedStep>;
  readonly #guardedBefore: ReadonlySet<PlannedStep>;

  constructor(readonly revision: Revision, readonly value: Fields) {
    this.#order = stepsOf(value).map(({ name }) => name);
    this.#guarded = guardedBy(revision.steps);
    this.#guardedBefore = revision.guardedBefore;
  }

  #put(edit: Edit, why: string, clause?: number): void {
    this.edits.push({ edit, why, ...(clause !== undefined && { clause }) });
  }

  head({ input }: Mappings): void {
    const fresh = this.#fresh();
    const known = valueAt(this.value, ["input", "properties"]);
    const added = [...input].filter(([name]) => !isRecord(known) || !Object.hasOwn(known, name));
    for (const edit of inputEdits(this.value, added)) {
      this.#put(edit, "is what new steps need and no step gives");
    }
    for (const [field] of added) {
      const by = fresh.find((step) => Object.hasOwn(fieldsOf(step.offer?.capability.input), field));
      this.revision.ask(inputQuestion(field, by?.name ?? "A new step"));
    }
    const offers = fresh.flatMap(({ offer }) => offer ?? []);
    for (const edit of [...this.#owners(offers), ...systemEdits(this.value, offers)]) {
      this.#put(edit, "declares what new steps ask of the system");
    }
  }

  /** Where systems are declared, each owner has to be: also those of steps that did without. */
  #owners(offers: readonly NonNullable<PlannedStep["offer"]>[]): readonly Edit[] {
    if (isRecord(this.value.systems) || offers.length === 0) return [];
    const owners = stepsOf(this.value).flatMap(({ fields: { owner } }) =>
      typeof owner === "string" && !offers.some(({ system }) => system === owner) ? [owner] : []
    );
    return [...new Set(owners)].map((owner): Edit => ({
      kind: "set",
      field: ["systems", owner],
      value: {},
    }));
  }

  #fresh(): readonly PlannedStep[] {
    return this.revision.steps.filter(({ known }) => known === undefined);
  }

  /** New steps stand behind what they wait for, or before what waits for them. */
  added(mappings: Mappings): void {
    const head = { mappings, name: String(this.value.name ?? "workflow") };
    for (const step of inOrder(this.revision.steps)) {
      if (step.known !== undefined) continue;
      const value = { ...stepValue(step, head), ...exhaustionOf(step, this.#guarded) };
      const place = this.#placeOf(step);
      this.#put({ kind: "add_step", step: value, ...place }, whyOf(step), step.clause);
      const at = place.after === undefined
        ? place.before === undefined ? this.#order.length : this.#order.indexOf(place.before)
        : this.#order.indexOf(place.after) + 1;
      this.#order.splice(at, 0, value.name);
    }
  }

  #placeOf(
    { parents, ...step }: PlannedStep,
  ): { readonly after?: string; readonly before?: string } {
    const known = (steps: Iterable<PlannedStep>) =>
      [...steps].map(({ name = "" }) => this.#order.indexOf(name)).filter((at) => at >= 0);
    const last = Math.max(-1, ...known(parents));
    const after = this.#order[last];
    if (after !== undefined) return { after };
    const children = this.revision.steps.filter((one) =>
      [...one.parents].some(({ name }) => name === step.name)
    );
    const before = this.#order[Math.min(Infinity, ...known(children))];
    return before === undefined ? {} : { before };
  }

  /** What is different of a step that stays. */
  changed(step: PlannedStep, known: Fields): void {
    this.#edges(step, known);
    this.#policy(step, known);
    const isNew = this.#guarded.has(step) && !this.#guardedBefore.has(step) && this.#matters(step);
    const isParked = known.on_exhausted === undefined && known.todo === undefined;
    if (isNew && isParked && (step.kind === "remote" || step.kind === "other")) {
      const edit: Edit = {
        kind: "set",
        step: step.name ?? "",
        field: ["on_exhausted"],
        value: "fail",
      };
      this.#put(edit, "lets the failure path run once attempts are used up", this.#lastFailure());
    }
  }

  /** Whether a new failure path does anything if the step fails: what takes back needs what was done. */
  #matters(step: PlannedStep): boolean {
    const fresh = this.#fresh().filter(({ branch, kind }) =>
      branch !== undefined && kind !== "transform"
    );
    return fresh.some((one) => {
      const done = [...one.parents].filter((parent) => isMain(parent));
      return one.when !== "succeeded" ||
        done.every((parent) => parent !== step && reaches(parent, step));
    });
  }

  /** The clause of the newest failure path. */
  #lastFailure(): number | undefined {
    return this.#fresh().findLast(({ branch }) => branch !== undefined)?.clause;
  }

  #edges(step: PlannedStep, known: Fields): void {
    const name = step.name ?? "";
    const stated = dependsOn(known);
    const reads = new Set(referencesIn(known).map(({ root }) => root));
    const parents = [...step.parents].flatMap((one) => one.name ?? []);
    const kept = stated.filter((one) => parents.includes(one));
    const added = parents.filter((one) => !stated.includes(one) && !reads.has(one));
    if (added.length === 0 && kept.length === stated.length) return;
    const clause = this.#clauseOf(step, [...added, ...stated]);
    const list = [...kept, ...added];
    const [only] = added;
    if (kept.length === stated.length && added.length === 1 && only !== undefined) {
      return this.#put({ kind: "connect", from: only, to: name }, "waits for that as well", clause);
    }
    if (list.length === 0) {
      return this.#put(
        { kind: "unset", step: name, field: ["depends_on"] },
        "waits for it no more",
        clause,
      );
    }
    const value = list.length === 1 && !Array.isArray(known.depends_on) ? list[0] : list;
    this.#put(
      { kind: "set", step: name, field: ["depends_on"], value },
      "waits for that now",
      clause,
    );
  }

  /** The clause that is why a step waits for others: that of a new one, of one taken out, or its own. */
  #clauseOf(step: PlannedStep, names: readonly string[]): number | undefined {
    const { steps, removed, touched } = this.revision;
    const fresh = steps.find((one) => one.known === undefined && names.includes(one.name ?? ""));
    if (fresh !== undefined) return fresh.clause;
    const gone = [...removed].find(([one]) => names.includes(one.name ?? ""));
    if (gone !== undefined) return gone[1];
    const near = steps.find((one) => names.includes(one.name ?? "") && touched.has(one));
    return touched.get(step) ?? (near === undefined ? undefined : touched.get(near));
  }

  #policy(step: PlannedStep, known: Fields): void {
    const { timeoutMs = step.waitMs, attemptsMax } = step.policy;
    const set = (field: Path, value: unknown, why: string) =>
      this.#put(
        { kind: "set", step: step.name ?? "", field: [...field], value },
        why,
        this.revision.touched.get(step),
      );
    if (timeoutMs !== undefined) {
      const field = step.kind === "signal" ? ["signal", "timeout"] : ["timeout"];
      if (step.kind === "transform" || step.kind === "todo") {
        this.revision.ask(cannotQuestion(`${step.name}`, "it takes no time: which step is meant?"));
      } else set(field, durationText(timeoutMs), "may take so long");
    }
    if (attemptsMax === undefined) return;
    set(["retry", "attempts_max"], attemptsMax, "is tried so often");
    const isRepeated = step.offer?.capability.effect === "external" && attemptsMax > 1;
    if (isRepeated && known.at_most_once !== true) {
      set(["at_most_once"], true, "cannot be taken back, so it is not done twice");
    }
  }

  settings(): void {
    for (const { step, field, value, clause } of this.revision.settings) {
      const of = step?.name === undefined ? {} : { step: step.name };
      this.#put({ kind: "set", ...of, field: [...field], value }, "is what is asked for", clause);
    }
  }

  /** What others read of a step that goes comes from what takes its place, or it is asked for. */
  removed(): void {
    for (const [gone, clause] of this.revision.removed) {
      const instead = this.revision.instead.get(gone);
      for (const reader of this.revision.steps) {
        if (reader.known !== undefined) this.#reread(reader, gone, { instead, clause });
      }
      this.#put({ kind: "remove_step", name: gone.name ?? "" }, "is not wanted any more", clause);
      this.#askOutput(gone);
    }
  }

  #reread(
    reader: PlannedStep,
    gone: PlannedStep,
    { instead, clause }: { readonly instead: PlannedStep | undefined; readonly clause: number },
  ): void {
    const name = reader.name ?? "";
    const lost: string[] = [];
    const reads = referencesIn(reader.known ?? {}).filter(({ root }) => root === gone.name);
    const byPath = new Map(reads.map((one) => [JSON.stringify(one.path), one]));
    // From the last to the first, because what is taken out of a list moves what is behind it.
    for (const { root, keys, path } of [...byPath.values()].toReversed()) {
      const text = valueAt(reader.known, path);
      const [field] = keys;
      const followed = followedState(reader, gone, { text, reads: reads.filter(at(path)) });
      const isGiven = instead !== undefined && typeof field === "string" &&
        Object.hasOwn(fieldsOf(outputOf(instead)), field) && text === `$.${root}.${keys.join(".")}`;
      if (isGiven || followed !== undefined) {
        const value = followed ?? `$.${instead?.name}.${keys.join(".")}`;
        this.#put(
          { kind: "set", step: name, field: [...path], value },
          "is read there now",
          clause,
        );
      } else {
        lost.push(keys.join(".") || "the result");
        this.#put(
          { kind: "unset", step: name, field: [...path] },
          "has no source any more",
          clause,
        );
      }
    }
    if (lost.length > 0) {
      this.revision.ask(readsQuestion(name, gone.name ?? "", [...new Set(lost)].join(", ")));
    }
  }

  #askOutput(gone: PlannedStep): void {
    const { output } = this.value;
    if (!isRecord(output)) return;
    const reads = readsOf({ ...gone, known: { with: output.with } }, gone);
    if (reads.length > 0) {
      this.revision.ask(readsQuestion("The output", gone.name ?? "", reads.join(", ")));
    }
  }

  renamed(): void {
    for (const [{ name = "" }, { to, clause }] of this.revision.renamed) {
      this.#put({ kind: "rename_step", name, to }, "is called so now", clause);
    }
  }

  /** Another definition under the same version is refused. */
  version(): void {
    const [, major, minor, patch] = /^(\d{1,9})\.(\d{1,9})(\.\d{1,9})?$/
      .exec(String(this.value.version ?? "")) ?? [];
    if (this.edits.length === 0 || minor === undefined) return;
    const value = `${major}.${Number(minor) + 1}${patch === undefined ? "" : ".0"}`;
    this.#put({ kind: "set", field: ["version"], value }, "is its next version");
  }
}
