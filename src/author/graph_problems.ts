/** Problems of a document that its graph shows: what nobody reaches, handles, describes or takes back. */

import type { Directory, Problem } from "../core/authoring.ts";
import type { ProblemCode } from "../core/problem_codes.ts";
import { parseDuration } from "../core/duration.ts";
import type { EFFECTS } from "../core/system.ts";
import { type Document, type Fields, type StepEntry, stepsOf } from "./document.ts";
import { problem } from "./problem.ts";
import { graphOf, referencesIn } from "./references.ts";
import { offerFor, sentSteps } from "./offers.ts";
import { declaredOffer } from "./registry_problems.ts";
import { isRecord } from "./yaml_text.ts";

/** Words in the name of a capability that destroys something. */
const DESTROYS =
  /(^|[._-])(delete|destroy|drop|erase|purge|remove|revoke|terminate|truncate|wipe)([._-]|$)/;

/** What the offer of a step says of it. */
interface Offered {
  readonly effect?: (typeof EFFECTS)[number] | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Finds what the graph of a document lacks. `taken` has the contracts of the directory, too. */
export function graphProblems(
  document: Document,
  { taken, directory }: { readonly taken: Fields; readonly directory: Directory | undefined },
): readonly Problem[] {
  const { value } = document;
  const offers = new Map(
    sentSteps(value).map((step): [string, Offered] => [
      step.name,
      { ...declaredOffer(step, value), ...(directory && offerFor(step, directory)) },
    ]),
  );
  const check = new GraphCheck(document, stepsOf(taken), offers);
  check.orphans();
  for (const step of check.steps) {
    check.failurePaths(step);
    check.times(step);
  }
  check.openResults();
  return check.problems;
}

class GraphCheck {
  readonly problems: Problem[] = [];
  readonly #parents: ReadonlyMap<string, readonly string[]>;
  readonly #children: ReadonlyMap<string, readonly StepEntry[]>;
  /** Steps below which one runs after a failure. */
  readonly #handled: ReadonlySet<string>;
  /** Steps above which one waits for a signal. */
  readonly #approved: ReadonlySet<string>;

  constructor(
    readonly document: Document,
    readonly steps: readonly StepEntry[],
    readonly offers: ReadonlyMap<string, Offered>,
  ) {
    this.#parents = graphOf(document.value);
    const children = new Map<string, StepEntry[]>();
    for (const step of steps) {
      for (const parent of this.#parents.get(step.name) ?? []) {
        const known = children.get(parent);
        if (known === undefined) children.set(parent, [step]);
        else known.push(step);
      }
    }
    this.#children = children;
    this.#handled = reachedFrom(
      steps.filter(({ fields: { when } }) => when === "failed" || when === "always"),
      (name) => this.#parents.get(name) ?? [],
    );
    this.#approved = reachedFrom(
      steps.filter(({ fields: { signal } }) => signal !== undefined),
      (name) => (children.get(name) ?? []).map((child) => child.name),
    );
  }

  /** A step without edges among steps that have some. */
  orphans(): void {
    const isAlone = ({ name }: StepEntry) =>
      (this.#parents.get(name) ?? []).length === 0 && !this.#children.has(name);
    const alone = this.steps.filter(isAlone);
    if (this.steps.length - alone.length < 2) return;
    for (const step of alone) {
      this.#add("W06", step, [], "nothing depends on the step, and it depends on nothing");
    }
  }

  /** What happens when a step fails, or when one fails after it. */
  failurePaths(step: StepEntry): void {
    const { name, fields } = step;
    const { effect } = this.offers.get(name) ?? {};
    if (fields.error !== undefined && !this.#handled.has(name)) {
      this.#add("W24", step, ["error"], "no step handles this error: add one with `when: failed`");
    }
    if (effect !== "external") return;
    const { retry, at_most_once: isOnce } = fields;
    const attempts = isRecord(retry) ? retry.attempts_max : undefined;
    if (isOnce !== true && attempts !== 1) {
      const text = "what the capability does cannot be taken back, but the step is tried again";
      this.#add("W32", step, ["retry"], text, {
        label: "Park instead of trying again",
        edits: [{ kind: "set", step: name, field: ["at_most_once"], value: true }],
      });
    }
    if (this.#children.has(name) && !this.#handled.has(name)) {
      const text =
        "what the step does cannot be taken back, and nothing follows if a later one fails";
      this.#add("W35", step, [], text);
    }
    const what = String(fields.capability ?? fields.event_pattern);
    if (DESTROYS.test(what) && !this.#approved.has(name)) {
      this.#add(
        "W45",
        step,
        [],
        "the step destroys something, and no signal before it approves that",
      );
    }
  }

  /** Time-outs that do not fit the deadline, or what the capability says of itself. */
  times(step: StepEntry): void {
    const timeoutMs = durationOf(step.fields.timeout);
    if (timeoutMs === undefined) return;
    const deadlineMs = durationOf(this.document.value.deadline);
    const { timeoutMs: offeredMs } = this.offers.get(step.name) ?? {};
    if (deadlineMs !== undefined && timeoutMs > deadlineMs) {
      this.#add("W31", step, ["timeout"], "the step may take longer than the whole task");
    } else if (offeredMs !== undefined && timeoutMs < offeredMs) {
      const text = `the capability says that it may take ${offeredMs} ms`;
      this.#add("W31", step, ["timeout"], text);
    }
  }

  /** Results that others read and no contract describes. */
  openResults(): void {
    const byName = new Map(this.steps.map((step) => [step.name, step]));
    const read = new Set(
      this.steps.flatMap(({ fields }) =>
        referencesIn(fields).filter(({ keys: [first] }) =>
          readsEnds(fields) ? first === "result" : first !== undefined && first !== "error"
        ).map(({ root }) => root)
      ),
    );
    for (const name of read) {
      const step = byName.get(name);
      if (step === undefined || !isOpen(step.fields)) continue;
      this.#add("W25", step, [], "others read its result, which no contract describes");
    }
  }

  #add(
    code: ProblemCode,
    { index }: StepEntry,
    field: readonly string[],
    text: string,
    fix?: Problem["fix"],
  ): void {
    const path = ["workflow_steps", index, ...field];
    const at = this.document.at(path);
    this.problems.push(problem(code, { path, at, text, ...(fix && { fix }) }));
  }
}

/** Whether references of a step read how others ended: `state`, `error` and `result`. */
function readsEnds({ when }: Fields): boolean {
  return when !== undefined && when !== "succeeded";
}

/** The steps that can be reached from some, which are not among them unless one leads to another. */
function reachedFrom(
  steps: readonly StepEntry[],
  next: (name: string) => readonly string[],
): ReadonlySet<string> {
  const found = new Set<string>();
  const left = steps.flatMap(({ name }) => next(name));
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    for (const one of next(name)) left.push(one);
  }
  return found;
}

/** Whether nothing says what a step gives. Code says it where it is; a transform is read as it is. */
function isOpen({ result, signal, handler, transform, sleep, todo }: Fields): boolean {
  const isKnown = [result, handler, transform, sleep, todo].some((one) => one !== undefined);
  return !isKnown && !(isRecord(signal) && signal.form !== undefined);
}

function durationOf(value: unknown): number | undefined {
  return typeof value === "string" || typeof value === "number" ? parseDuration(value) : undefined;
}
