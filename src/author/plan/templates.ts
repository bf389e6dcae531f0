/**
 * Templates: what a plan needs beside the steps that were asked for: a decision after an approval that
 * may be refused, steps that take back what was done, and a mark that something failed.
 */

import type { Offer } from "./capability_index.ts";
import { fieldsOf, requiredOf } from "./contracts.ts";
import type { Flow } from "./flow.ts";
import type { FailureBranch, PlannedStep } from "./planned_step.ts";
import { stemOf, tokensOf } from "./words.ts";

/** What takes something back. */
const INVERSE = new Set(
  "release refund void cancel delete revoke rollback revert restore close remove disable unpublish deprovision deactivate undo abort withdraw reverse free terminate destroy unassign unblock retract return decommission"
    .split(" ").map(stemOf),
);

/** Completes a flow, in place. */
export function applyTemplates(flow: Flow, offers: readonly Offer[]): void {
  for (const branch of flow.branches) addInverses(flow, branch, offers);
  for (const branch of flow.branches) resolveGuards(flow, branch);
  for (const signal of flow.steps.filter(({ mayBeRefused }) => mayBeRefused)) addGate(flow, signal);
}

/** For `undo everything`: what takes back each step of the main path, the last one first. */
function addInverses(flow: Flow, branch: FailureBranch, offers: readonly Offer[]): void {
  for (const clause of branch.undoes) {
    const done = flow.steps.filter((step) => step.branch === undefined && step.offer !== undefined);
    for (const step of done.toReversed()) {
      const offer = inverseOf(step, offers);
      const isThere = offer !== undefined && flow.steps.some((one) => one.offer === offer);
      if (offer === undefined || isThere) continue;
      const clauseNumber = flow.clauses.findIndex((one) => one === clause) + 1;
      const undo: PlannedStep = {
        kind: "remote",
        text: `takes back "${step.text}"`,
        offer,
        clause: clauseNumber,
        parents: new Set(),
        when: "succeeded",
        policy: {},
      };
      branch.add(undo, false);
      flow.steps.push(undo);
      clause.steps.push(undo);
    }
  }
}

/** A capability of the same system that takes what the step gave, and is called after taking back. */
export function inverseOf({ offer }: PlannedStep, offers: readonly Offer[]): Offer | undefined {
  if (offer === undefined) return undefined;
  const given = Object.keys(fieldsOf(offer.capability.output));
  return offers.find((other) =>
    other !== offer && other.system === offer.system &&
    tokensOf(other.capability.name.split(".").at(-1)?.replaceAll("_", " ") ?? "")
      .some((word) => INVERSE.has(stemOf(word))) &&
    requiredOf(other).some((field) => given.includes(field) && !requiredOf(offer).includes(field))
  );
}

/** Anything fails: the last steps of the main path hear of each failure before them. */
function resolveGuards(flow: Flow, branch: FailureBranch): void {
  if (branch.guards !== "any") return;
  const leaves = flow.leaves().filter(({ when }) => when === "succeeded");
  branch.guards = leaves;
  for (const step of branch.steps) {
    if (step.when === "failed") { for (const leaf of leaves) step.parents.add(leaf); }
  }
}

/** A refusal is an answer like any other: a step behind it fails unless it is a yes. */
function addGate(flow: Flow, signal: PlannedStep): void {
  const gate: PlannedStep = {
    kind: "transform",
    text: `goes on only if "${signal.text}" is answered with yes`,
    clause: signal.clause,
    parents: new Set([signal]),
    when: "succeeded",
    gate: {
      field: signal.approves ?? "approved",
      of: signal,
      schema: { const: true },
      type: {},
    },
    policy: {},
  };
  for (const step of flow.steps) {
    if (!step.parents.delete(signal)) continue;
    step.parents.add(gate);
  }
  for (const branch of flow.branches) {
    if (branch.guards === "any") continue;
    branch.guards = branch.guards.map((guard) => (guard === signal ? gate : guard));
  }
  flow.steps.splice(flow.steps.indexOf(signal) + 1, 0, gate);
  flow.clauses[signal.clause - 1]?.steps.push(gate);
}

/**
 * What runs after a failure cannot read a result that may be absent. So a transform completes when
 * something failed, and the step waits for that and for the step whose result it needs: what was not
 * done is not taken back.
 */
export function markFailure(
  steps: PlannedStep[],
  step: PlannedStep,
  sources: Iterable<PlannedStep>,
): void {
  const guards = [...step.parents];
  const known = steps.find((one) =>
    one.kind === "transform" && one.when === step.when && isSame(one.parents, step.parents)
  );
  const mark: PlannedStep = known ?? {
    kind: "transform",
    text: step.when === "failed" ? "something failed" : "all has ended",
    clause: step.clause,
    parents: new Set(guards),
    when: step.when,
    ...(step.branch !== undefined && { branch: step.branch }),
    policy: {},
  };
  if (known === undefined) steps.splice(steps.indexOf(step), 0, mark);
  step.parents.clear();
  step.parents.add(mark);
  for (const source of sources) step.parents.add(source);
  step.when = "succeeded";
}

function isSame(one: ReadonlySet<unknown>, other: ReadonlySet<unknown>): boolean {
  return one.size === other.size && [...one].every((each) => other.has(each));
}
