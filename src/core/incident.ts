/**
 * Incidents: the shapes of what `tasker/incident` journals, and how an incident is read out of its task.
 * Pure; an incident is a task like any other, and there is no other record of it.
 */

import { z } from "zod";
import { foldTask } from "./evolve.ts";
import { decodePayload, type JsonText } from "./payload.ts";
import type { Plan } from "./plan.ts";
import type { WholeTask } from "./ports.ts";
import { hasResult, type TaskState } from "./state.ts";
import { REASON_LENGTH_MAX } from "./fields.ts";

/** The namespace of Tasker's own workflows: lists leave it out unless it is asked for. */
export const OWN_NAMESPACE = "tasker";

/** The workflow of incidents. */
export const INCIDENT_WORKFLOW = `${OWN_NAMESPACE}/incident`;

/** The signal by which a proposal is approved or rejected. */
export const APPROVAL = "approval";

/** What a degradation shows itself by. */
export const SIGNALS = ["failures", "timeouts", "latency", "waiting", "parked"] as const;

/** What attempts of a step did in a window. */
export const FiguresFields = z.object({
  /** Attempts that ended. */
  attempts: z.int(),
  perMinute: z.number(),
  failedShare: z.number(),
  timedOutShare: z.number(),
  /** Attempts that were not the first of their step. */
  retriedShare: z.number(),
  /** Of completed attempts; absent: none completed. */
  p50Ms: z.number().optional(),
  p95Ms: z.number().optional(),
  waitedP95Ms: z.number().optional(),
});

/** What attempts of a step did in a window. */
export type Figures = z.output<typeof FiguresFields>;

/** A step that does worse than it did. */
export const DegradationFields = z.object({
  /** `namespace/name`. */
  workflow: z.string(),
  step: z.string(),
  signal: z.enum(SIGNALS),
  /** The most frequent error. */
  error: z.string().optional(),
  /** More comes in than is done: whatever adds load is locked out. */
  saturated: z.boolean(),
  /** When the window began in which it was seen, Unix ms, and how long it is. */
  sinceMs: z.int(),
  windowMs: z.int(),
  /** Until when it did as usual, Unix ms, where it did badly before; absent: until a window before `sinceMs`. */
  usualUntilMs: z.int().optional(),
  now: FiguresFields,
  before: FiguresFields,
  /** How likely chance alone shows as much. */
  chance: z.number(),
});

/** A step that does worse than it did. */
export type Degradation = z.output<typeof DegradationFields>;

/** What an incident starts with. */
export const IncidentFields = z.object({
  /** What it is about: workflow, step and kind; one incident of it is open at a time. */
  about: z.string(),
  /** Counts the incidents about the same, from 1. */
  number: z.int(),
  degradation: DegradationFields,
});

/** A piece of evidence, for people. */
export const EvidenceFields = z.object({ id: z.string(), says: z.string() });

/** What an incident knows of its cause. */
export const FindingFields = z.object({
  failureType: z.string(),
  /** 0..1; a lower bound. */
  confidence: z.number(),
  says: z.string(),
  evidence: z.array(EvidenceFields),
});

/** What an incident knows of its cause. */
export type Finding = z.output<typeof FindingFields>;

const ChangeFields = z.object({
  path: z.array(z.string()),
  /** Absent: the field is taken out. */
  value: z.unknown().optional(),
});

const OverlayChangeFields = z.object({
  namespace: z.string(),
  name: z.string(),
  changes: z.array(ChangeFields),
});

/** A proposal, as it is journaled; see `Proposal`. */
export const ProposalFields = z.object({
  id: z.string(),
  action: z.looseObject({ kind: z.string() }),
  change: OverlayChangeFields.optional(),
  inverse: OverlayChangeFields.optional(),
  tier: z.enum(["T0", "T1", "T2", "T3"]),
  evidence: z.array(z.string()),
  confidence: z.number(),
  blastRadius: z.object({ workflows: z.array(z.string()), tasksPerHour: z.number() }),
  bounds: z.array(z.number()).optional(),
  expected: z.string(),
  load: z.enum(["adds", "reduces", "same"]),
  repeats: z.boolean(),
  /** When it ends by itself, Unix ms. */
  untilMs: z.int().optional(),
});

/** What a model said about an incident; it decides nothing. */
const AdviceFields = z.object({
  name: z.string(),
  explanation: z.array(z.object({ text: z.string(), evidence: z.array(z.string()) })),
  /** Never above the finding's. */
  confidence: z.number(),
});

/** What was proposed, and which of it is to be done. */
export const ProposedFields = z.object({
  /** Absent: statistics only. */
  advice: AdviceFields.optional(),
  proposals: z.array(ProposalFields),
  /** The first that rules allow; absent: nothing is done. */
  chosen: z.string().optional(),
  /** Why the others are not, and what is waited for. */
  notes: z.array(z.string()),
});

/** What a person, or the tier, decided. */
export const ApprovalFields = z.object({
  approved: z.boolean(),
  by: z.string(),
  reason: z.string().max(REASON_LENGTH_MAX),
  /** Nobody decided in time. */
  isUnanswered: z.boolean().optional(),
});

/** What was put. */
export const AppliedFields = z.object({
  /** Nothing was put: `says` has why. */
  isApplied: z.boolean(),
  /** Nobody decided in time. */
  isUnanswered: z.boolean().optional(),
  says: z.string(),
  atMs: z.int(),
  /** The version of the overlay, and the one before. */
  version: z.int().optional(),
  base: z.int().optional(),
  /** A share of the tasks tries it; absent: all are under it. */
  percent: z.number().optional(),
  /** What the changed values were, so that they can be put again. */
  inverse: OverlayChangeFields.optional(),
});

/** How it went. */
export const VerdictFields = z.object({
  verdict: z.enum(["better", "worse", "unclear", "none"]),
  says: z.string(),
  with: FiguresFields.optional(),
  without: FiguresFields.optional(),
});

/** What became of the change. */
export const ConclusionFields = z.object({
  outcome: z.enum(["kept", "reverted", "released", "not_applied", "unanswered", "overtaken"]),
  says: z.string(),
  atMs: z.int(),
});

/** What is left to be learned: the step before and after, and minute by minute. */
export const LessonFields = z.object({
  before: FiguresFields,
  during: FiguresFields,
  /** Since the conclusion; absent: no attempt has ended since. */
  after: FiguresFields.optional(),
  /** Share of attempts that failed, and the 95th percentile of those that completed, by minute. */
  minutes: z.array(z.object({ atMs: z.int(), failedShare: z.number(), p95Ms: z.number() })),
});

/** What each step of an incident gives. */
const RESULTS = {
  diagnose: FindingFields,
  propose: ProposedFields,
  approval: ApprovalFields,
  apply: AppliedFields,
  judge: VerdictFields,
  conclude: ConclusionFields,
  release: ConclusionFields,
  learn: LessonFields,
} as const;

type Results = { readonly [Step in keyof typeof RESULTS]?: z.output<(typeof RESULTS)[Step]> };

/** An incident, as its task's journal has it. */
export interface Incident extends Results {
  readonly id: string;
  readonly about: string;
  readonly number: number;
  readonly degradation: Degradation;
  readonly startedAtMs: number;
  /** When it was concluded: nothing is changed after that. What it taught comes some windows later. */
  readonly endedAtMs: number | undefined;
  readonly phase: IncidentPhase;
  /** The share of the tasks that tries its change now, in percent; its journal does not have it. */
  readonly triedPercent?: number | undefined;
}

/** Where an incident may stand. */
export const INCIDENT_PHASES = [
  "diagnosing",
  "waiting_for_approval",
  "observing",
  "holding",
  "ended",
  "failed",
] as const;

/** Where an incident stands. */
export type IncidentPhase = (typeof INCIDENT_PHASES)[number];

/** The proposal that an incident chose; undefined: none. */
export function chosenOf(
  { propose }: { readonly propose?: z.output<typeof ProposedFields> | undefined },
): z.output<typeof ProposalFields> | undefined {
  return propose?.proposals.find(({ id }) => id === propose.chosen);
}

/** Characters of a tag. */
const TAG_LENGTH = 128;

/** What an incident is found by: its workflow, its step, both together, and its namespace. */
export function incidentTags({ workflow, step }: Pick<Degradation, "workflow" | "step">): string[] {
  const [namespace = ""] = workflow.split("/");
  return [workflow, step, `${workflow} ${step}`, `${namespace}/`].map(shortened);
}

/** The tag of the incidents that are asked for; undefined: of all. */
export function incidentTag(
  { namespace, workflow, step }: {
    readonly namespace?: string | undefined;
    readonly workflow?: string | undefined;
    readonly step?: string | undefined;
  },
): string | undefined {
  const tag = workflow !== undefined && step !== undefined
    ? `${workflow} ${step}`
    : workflow ?? step ?? (namespace && `${namespace}/`);
  return tag && shortened(tag);
}

/** Cut, two could be the same; who reads incidents by a tag looks at what they are about. */
function shortened(tag: string): string {
  return tag.slice(0, TAG_LENGTH);
}

/** Under which name of OWN_NAMESPACE the healer's settings are kept, as a policy overlay. */
export const SETTINGS_NAME = "healing";

/** What became of an incident's change, as soon as that is known. */
export function outcomeOf(
  { release, conclude }: Incident,
): z.output<typeof ConclusionFields> | undefined {
  return release ?? conclude;
}

/** Reads an incident out of its task; undefined: it is not one that this version knows. */
export function incidentOf({ summary, turns }: WholeTask, plan: Plan): Incident | undefined {
  const state = foldTask(summary.taskId, plan, turns);
  return state && incidentOfState(state, plan);
}

/** Reads an incident out of its task's state; undefined: it is not one that this version knows. */
export function incidentOfState(state: TaskState, plan: Plan): Incident | undefined {
  const input = IncidentFields.safeParse(decodePayload(state.input));
  if (!input.success) return undefined;
  const entries = Object.entries(RESULTS).flatMap(([name, schema]) => {
    const step = state.steps[plan.indexOf.get(name) ?? -1];
    if (step === undefined || !hasResult(step)) return [];
    const read = schema.safeParse(decodePayload(step.result as JsonText));
    return read.success ? [[name, read.data] as const] : [];
  });
  const results: Results = Object.fromEntries(entries);
  return {
    id: state.taskId,
    ...input.data,
    startedAtMs: state.createdAtMs,
    endedAtMs: results.release?.atMs ?? state.endedAtMs,
    ...results,
    phase: phaseOf(state, plan, results),
  };
}

function phaseOf(state: TaskState, plan: Plan, results: Results): IncidentPhase {
  if (results.release !== undefined) return "ended";
  if (state.end !== undefined) return state.end === "completed" ? "ended" : "failed";
  const approval = state.steps[plan.indexOf.get(APPROVAL) ?? -1];
  if (approval?.state === "waiting_for_reply") return "waiting_for_approval";
  if (results.conclude !== undefined) return "holding";
  return results.apply === undefined ? "diagnosing" : "observing";
}
