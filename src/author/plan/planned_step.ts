/** Planned steps: what the planner knows of a step before it is written as edits. */

import type { Fields } from "../document.ts";
import type { Ask, AskedPolicy } from "./asks.ts";
import type { Match, Offer } from "./capability_index.ts";
import type { Condition } from "./conditions.ts";
import type { Gate } from "./gates.ts";

/** What runs a planned step; `todo`: nothing does yet; `other`: something that the planner does not plan. */
export type StepKind = "remote" | "signal" | "sleep" | "todo" | "transform" | "other";

/** A step as it is planned. */
export interface PlannedStep {
  readonly kind: StepKind;
  /** The words that ask for it. */
  readonly text: string;
  readonly offer?: Offer;
  readonly match?: Match;
  /** The clause that it comes from, from 1. */
  readonly clause: number;
  readonly parents: Set<PlannedStep>;
  when: "succeeded" | "failed" | "cancelled" | "always";
  /** What it is in the document that is changed; absent: it is new. */
  readonly known?: Fields;
  /** The contract of what it gives, where that is not its offer's. */
  readonly gives?: Fields;
  branch?: FailureBranch;
  /** How long it sleeps, or how long a person has. */
  waitMs?: number;
  mayBeRefused?: boolean;
  /** The field of a signal's form that says yes. */
  approves?: string;
  /** Of a transform that lets a task go on only if a value is as it should be. */
  gate?: Gate;
  todo?: string;
  readonly policy: { -readonly [K in keyof AskedPolicy]: AskedPolicy[K] };
  name?: string;
}

/** A part of the description, and the steps that come of it. */
export interface PlannedClause {
  readonly text: string;
  readonly steps: PlannedStep[];
  /** It asks for what is done after a failure. */
  isFailurePath?: boolean;
  /** It writes a name that is only like that of this capability. */
  near?: string;
  /** Why there are none. */
  why?:
    | Extract<Ask, { kind: "nothing" }>["why"]
    | "policy"
    | "nobody"
    /** Something that is there is changed; nobody knows what is meant; it is not taken. */
    | "change"
    | "unclear"
    | "left";
}

/** A step that waits for nothing yet. */
export function newStep(
  kind: StepKind,
  { text, clause, match }: Pick<PlannedStep, "text" | "clause"> & { readonly match?: Match },
): PlannedStep {
  return {
    kind,
    text,
    ...(match !== undefined && { offer: match.offer, match }),
    clause,
    parents: new Set(),
    when: "succeeded",
    policy: {},
  };
}

/** The contract of what a step gives. */
export function outputOf({ gives, offer }: PlannedStep): Fields | undefined {
  return gives ?? offer?.capability.output;
}

/** What is done after a failure. */
export class FailureBranch {
  readonly steps: PlannedStep[] = [];
  /** Clauses that ask to take back everything. */
  readonly undoes: { readonly text: string; readonly steps: PlannedStep[] }[] = [];
  #tail: PlannedStep | undefined;

  constructor(
    /** The steps whose failure it is; `any`: those at the end of the main path. */
    public guards: readonly PlannedStep[] | "any",
    readonly condition: Condition,
  ) {}

  /** Adds a step: after the one before where the words say so, else beside it. */
  add(step: PlannedStep, isThen: boolean): void {
    const isChained = this.#tail !== undefined &&
      (isThen || step.kind === "sleep" || this.#tail.kind === "sleep");
    if (isChained && this.#tail !== undefined) step.parents.add(this.#tail);
    else {
      if (this.guards !== "any") { for (const guard of this.guards) step.parents.add(guard); }
      step.when = "failed";
    }
    step.branch = this;
    this.steps.push(step);
    this.#tail = step;
  }
}

/** Whether one step waits for another, over any number of others. Cost: O(edges). */
export function reaches(from: PlannedStep, to: PlannedStep): boolean {
  const seen = new Set<PlannedStep>();
  const open = [to];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (step === from) return true;
    if (seen.has(step)) continue;
    seen.add(step);
    open.push(...step.parents);
  }
  return false;
}

/**
 * The steps whose failure starts a step of a failure path: what that waits for, and all before it, as
 * far as a failure goes on from step to step. Cost: O(edges).
 */
export function guardedBy(steps: readonly PlannedStep[]): ReadonlySet<PlannedStep> {
  const guarded = new Set<PlannedStep>();
  const open = steps.filter(({ when }) => when === "failed").flatMap(({ parents }) => [...parents]);
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (guarded.has(step)) continue;
    guarded.add(step);
    if (step.when === "succeeded") open.push(...step.parents);
  }
  return guarded;
}

/** Of `if it fails, try it three times`: what is tried. `branchOf` finds the branch of the piece. */
export function guardOf(
  { conditions: [condition] }: { readonly conditions: readonly Condition[] },
  branchOf: () => FailureBranch | undefined,
): PlannedStep | undefined {
  if (condition?.kind !== "failed") return undefined;
  const guards = branchOf()?.guards;
  return guards === "any" ? undefined : guards?.[0];
}
