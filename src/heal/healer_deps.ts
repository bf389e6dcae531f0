/** What the healer needs of a node: ports, so that a server and a simulation wire the same one. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { TaskId } from "../core/ids.ts";
import type { Degradation, Finding } from "../core/incident.ts";
import type { Plan } from "../core/plan.ts";
import type {
  Attendance,
  CommandSink,
  Plans,
  Policies,
  Runtime,
  Starter,
  StatisticsStore,
  TaskReader,
} from "../core/ports.ts";
import type { StepDefinition } from "../core/workflow.ts";
import type { Log } from "../telemetry/log.ts";
import type { Adviser } from "./adviser.ts";

/** A system, as far as it matters to healing. */
export interface KnownSystem {
  readonly name: string;
  /** Its healthy instances. */
  readonly instances: readonly string[];
  /** What its healthy instances offer. */
  readonly capabilities: readonly string[];
  /** Those of them that all these instances say may be done twice. */
  readonly idempotent: readonly string[];
}

/** What a diagnosis is made of. */
export interface DiagnosisInput {
  readonly degradation: Degradation;
  readonly plan: Plan;
  /** Attempts of the workflow's tasks that ended lately, and those of before, of all steps. */
  readonly recent: readonly AttemptFact[];
  readonly before: readonly AttemptFact[];
  readonly nowMs: number;
}

/** What the healer needs. */
export interface HealerDeps {
  readonly runtime: Pick<Runtime, "now" | "after" | "digest">;
  readonly log: Pick<Log, "info" | "warn">;
  readonly policies: Policies;
  readonly statistics: Pick<StatisticsStore, "read">;
  /** Names the workflows of which tasks began or ended in a span. */
  readonly active: StatisticsStore["active"];
  readonly attendance: Attendance;
  readonly tasks: TaskReader;
  readonly plans: Plans & {
    /** The newest version of a workflow that is loaded here. */
    find(workflow: string): Plan | undefined;
  };
  readonly sink: CommandSink;
  readonly starter: Starter;
  readonly systems: () => readonly KnownSystem[];
  /** Why a step would not go to a system that its policy names; undefined: it would. */
  readonly whyNotSwitched: (
    plan: Plan,
    of: { readonly definition: StepDefinition; readonly switchTo: string },
  ) => string | undefined;
  readonly diagnose: (of: DiagnosisInput) => Promise<Finding> | Finding;
  /** Whether this node runs a task: one node does. */
  readonly owns: (taskId: TaskId) => boolean;
  /** Whether this node watches a workflow: one node does. */
  readonly isWatched: (workflow: string) => boolean;
  /** The span of a window, ms. */
  readonly windowMs?: number;
  /** Explains incidents; undefined: there is no model, and nothing else is different. */
  readonly adviser?: Pick<Adviser, "advise"> | undefined;
}
