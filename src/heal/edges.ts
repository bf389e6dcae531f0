/**
 * Edges: which steps wait for another without need. An edge carries data, keeps an order, or is a gate
 * that a failure closes. It may go only if it certainly does none of that.
 */

import type { Plan, PlannedStep } from "../core/plan.ts";
import type { Effect } from "./effect.ts";
import type { StepReads } from "./reads.ts";
import type { TaskTrace } from "./trace.ts";

/** Why an edge stays. */
export type EdgeReason =
  | "carries_data"
  | "reads_unknown" // the code that reads is not loaded, or threw
  | "asks_for_end" // the step runs because of how its parent ended
  | "waits_on_purpose" // its parent is a sleep or a signal
  | "is_a_gate" // its parent may fail, and then the step must not run
  | "order_declared" // both may have effects, and their author put them in this order
  | "too_few";

/** What is known of one edge. */
export interface EdgeFinding {
  readonly from: string;
  readonly to: string;
  readonly kind: "data" | "order";
  /** Tasks that it was seen in. */
  readonly tasks: number;
  /** What the step reads of its parent. */
  readonly paths: readonly string[];
  /**
   * - needed: it stays, because of `reason`.
   * - implied: other edges keep the same order, so it changes nothing.
   * - idle: nothing is read, nothing failed, and no order matters: the steps can run at once.
   */
  readonly verdict: "needed" | "implied" | "idle";
  readonly reason?: EdgeReason;
}

/** What looking at edges needs. */
export interface EdgeQuestion {
  readonly plan: Plan;
  readonly traces: readonly TaskTrace[];
  readsOf(step: PlannedStep): StepReads;
  effectOf(step: PlannedStep): Effect | undefined;
}

/** Fewer tasks say nothing of what is never read. In 100, what happens in 3 % of tasks is seen. */
const TASKS_MIN = 100;

/** Edges of a graph in which ways around an edge are looked for: it takes the square of that. */
const EDGES_MAX = 3_000;

/** Looks at every edge. Cost: O(tasks × steps + edges²). */
export function edgeFindings(question: EdgeQuestion): readonly EdgeFinding[] {
  const { plan, traces } = question;
  const ended = traces.flatMap(({ steps }) => [...steps.values()]);
  const failed = new Set(ended.filter((one) => !one.isCompleted).map(({ step }) => step));
  const seen = Map.groupBy(ended, ({ step }) => step);
  const looked = plan.steps.flatMap((child) => {
    const reads = question.readsOf(child);
    return child.parents.map((index): Looked => {
      const parent = plan.steps[index] as PlannedStep;
      const kind = child.needs.some(([, step]) => step === index) ? "data" : "order";
      return { child, parent, reads, kind, tasks: seen.get(child.index)?.length ?? 0 };
    });
  });
  const reasons = new Map(
    looked.map((edge) => [edge, purposeOf(edge) ?? doubtOf(question, edge, failed)]),
  );
  const kept = looked.filter((edge) => reasons.get(edge) !== undefined);
  return looked.map((edge): EdgeFinding => {
    const { child, parent, reads, kind, tasks } = edge;
    const known = reads.kind === "known" ? reads.parents.get(parent.index) : undefined;
    const paths = known?.paths ?? [];
    const finding = { from: parent.name, to: child.name, kind, tasks, paths } as const;
    if (purposeOf(edge) === undefined && looked.length <= EDGES_MAX && isImplied(edge, kept)) {
      return { ...finding, verdict: "implied" };
    }
    const reason = reasons.get(edge);
    return reason === undefined
      ? { ...finding, verdict: "idle" }
      : { ...finding, verdict: "needed", reason };
  });
}

/** An edge, and what is known of its ends. */
interface Looked {
  readonly child: PlannedStep;
  readonly parent: PlannedStep;
  readonly reads: StepReads;
  readonly kind: EdgeFinding["kind"];
  readonly tasks: number;
}

/** What an edge is for; undefined: nothing that can be seen. */
function purposeOf({ child, parent, reads, kind }: Looked): EdgeReason | undefined {
  if (child.definition.when !== "succeeded") return "asks_for_end";
  if (kind !== "data") return undefined;
  if (reads.kind === "unknown") return "reads_unknown";
  return reads.parents.has(parent.index) ? "carries_data" : undefined;
}

/** What an edge that no other one stands in for may be for after all. */
function doubtOf(
  { effectOf }: EdgeQuestion,
  { child, parent, reads, kind, tasks }: Looked,
  failed: ReadonlySet<number>,
): EdgeReason | undefined {
  if (parent.definition.kind === "sleep" || parent.definition.kind === "signal") {
    return "waits_on_purpose";
  }
  const ranFor = reads.kind === "known" && reads.by === "code" ? reads.tasks : tasks;
  if (Math.min(tasks, ranFor) < TASKS_MIN) return "too_few";
  if (failed.has(parent.index) || mayFail(parent)) return "is_a_gate";
  const isFree = effectOf(parent) === "none" || effectOf(child) === "none";
  return kind === "order" && !isFree ? "order_declared" : undefined;
}

/** Whether a step fails by its contract: who comes after it counts on that. */
function mayFail({ definition: { contract: { error }, kind } }: PlannedStep): boolean {
  const isNever = error === undefined || (typeof error.not === "object" && error.not !== null);
  return kind !== "transform" && !isNever;
}

/** Whether a step waits for its parent by another way, of edges that stay and have to succeed. */
function isImplied({ child, parent }: Looked, kept: readonly Looked[]): boolean {
  const into = Map.groupBy(kept, (edge) => edge.child);
  const seen = new Set<PlannedStep>([parent]);
  const open = (into.get(child) ?? []).map((edge) => edge.parent);
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    if (step.definition.when !== "succeeded") continue;
    const before = (into.get(step) ?? []).map((edge) => edge.parent);
    if (before.includes(parent)) return true;
    open.push(...before);
  }
  return false;
}
