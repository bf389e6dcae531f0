/** Documents: what the API answers, as types. They hold in any runtime: nothing here runs. */

import type { Choice, FailureClass } from "../core/event.ts";
import type { When } from "../core/graph.ts";
import type { Policy } from "../core/policy.ts";
import type { Scope } from "../core/api_key.ts";
import type { StepStateName, TaskStateName } from "../core/state.ts";
import type { Definition, StepKind } from "../core/workflow.ts";

/** A time. Shape: ISO 8601 in UTC with milliseconds, `2026-01-01T00:00:00.000Z`. */
export type Time = string;

/** A step of a task. */
export interface Step {
  readonly name: string;
  readonly kind: StepKind;
  readonly state: StepStateName;
  /** The system that owns it. */
  readonly owner: string;
  /** Its parents. */
  readonly after: readonly string[];
  readonly when: When;
  /** The newest attempt; 0 before the first. */
  readonly attempt: number;
  /** The highest attempt before it parks or fails. */
  readonly attemptsMax: number;
  /** Of the newest attempt. */
  readonly startedAt?: Time | undefined;
  readonly endedAt?: Time | undefined;
  /** When the attempt times out or the sleep ends. */
  readonly dueAt?: Time | undefined;
  readonly nextAttemptAt?: Time | undefined;
  readonly result?: unknown;
  /** Characters of its result and error, which are not shown: see the task's journal. */
  readonly leftOut?: number | undefined;
  readonly error?: unknown;
  /** A `FailureClass`. */
  readonly errorClass?: FailureClass | string | undefined;
  readonly parkedReason?: string | undefined;
  /** What a person may do while it is parked. */
  readonly choices?: readonly Choice[] | undefined;
  /** The parent that decided that it is never reached. */
  readonly unreachedBecause?: string | undefined;
}

/** A task in a list. */
export interface TaskSummary {
  readonly id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly definitionHash: string;
  readonly state: TaskStateName;
  readonly blockedReason?: string | undefined;
  readonly tags: readonly string[];
  readonly createdAt: Time;
  readonly endedAt?: Time | undefined;
}

/** A task with its steps. */
export interface Task extends TaskSummary {
  /** The last turn of its journal that this shows. */
  readonly turn: number;
  readonly input?: unknown;
  /** The Idempotency-Key it was started with. */
  readonly key?: string | undefined;
  /** Of its first attempt. */
  readonly startedAt?: Time | undefined;
  readonly deadlineAt?: Time | undefined;
  readonly steps: readonly Step[];
}

/** An event of a journal. Its other fields go by `kind`: payloads are plain, times end in `At`. */
export interface JournalEntry {
  readonly turn: number;
  /** Its place in the turn, from 1. */
  readonly number: number;
  /** `TaskStarted`, `StepCompleted` … */
  readonly kind: string;
  readonly at: Time;
  readonly step?: string | undefined;
  readonly [field: string]: unknown;
}

/** A committed turn in the live feed. */
export interface CommittedTurn {
  readonly id: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly state: TaskStateName;
  readonly turn: number;
  readonly events: readonly JournalEntry[];
}

/** That a command is journaled. */
export interface Accepted {
  readonly id: string;
  /** The last turn of the state it was decided on, its own included. */
  readonly turn: number;
  /** False for a repeat, and for what was so already. */
  readonly changed: boolean;
}

/** A workflow in a list. */
export interface WorkflowSummary {
  readonly namespace: string;
  readonly name: string;
  /** The highest first; a start without a version takes it. */
  readonly versions: readonly string[];
  /** Of the highest version. */
  readonly steps: number;
}

/** A workflow with its contracts and its graph. */
export interface Workflow {
  readonly namespace: string;
  readonly name: string;
  /** The highest first. */
  readonly versions: readonly WorkflowVersion[];
}

/** One version of a workflow. */
export interface WorkflowVersion {
  readonly version: string;
  readonly hash: string;
  readonly definition: Definition;
  readonly edges: readonly Edge[];
}

/** Who waits for whom in a workflow. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: "data" | "order";
}

/** An owner of steps. */
export interface System {
  readonly name: string;
  readonly kind: "local" | "remote";
  /** Those the key may see. */
  readonly workflows: readonly string[];
  readonly circuit: "closed" | "open" | "half_open";
  /** Envelopes waiting; absent when the bus cannot tell. */
  readonly queued?: number | undefined;
  /** False: no worker has ever asked for its commands. Absent from servers that do not tell. */
  readonly hasWorker?: boolean | undefined;
}

/** An envelope nobody could use. */
export interface DeadLetter {
  readonly id: string;
  readonly channel: string;
  readonly reason: string;
  readonly at: Time;
  /** As it came, whether it is an envelope or not. */
  readonly body: string;
}

/** An API key, without its secret. */
export interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly namespaces: readonly string[];
  readonly systems: readonly string[];
  readonly createdAt: Time;
  readonly expiresAt?: Time | undefined;
}

/** A new API key. `key` is shown this once. */
export interface MadeKey extends Key {
  readonly key: string;
}

/** A version of a workflow's policy overlay: what, who and why. */
export interface PolicyVersion {
  readonly version: number;
  readonly by: string;
  readonly reason: string;
  readonly at: Time;
  /** By step; `*` is every step. */
  readonly steps: Readonly<Record<string, Policy>>;
}

/** Every version of a workflow's policy overlay. */
export interface PolicyHistory {
  readonly namespace: string;
  readonly workflow: string;
  /** The newest first; the first one holds. */
  readonly versions: readonly PolicyVersion[];
}

/** How a node is. */
export interface Health {
  readonly ok: boolean;
  readonly node: string;
  readonly version: string;
  /** The node's clock, corrected by the database's. */
  readonly now: Time;
  /** Why it should not get requests now. */
  readonly notReady?: string | undefined;
  readonly checks: readonly HealthCheck[];
}

/** How one part of a node is. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What a person can do; absent when it is ok. */
  readonly action?: string | undefined;
}
