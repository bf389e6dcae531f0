/** Definitions: a workflow as data. Its code is separate, in `WorkflowCode`. */

import type { z } from "zod";
import type { Alternative } from "./alternative.ts";
import type { When } from "./graph.ts";
import type { HealBounds } from "./healing.ts";
import type { HttpCall } from "./http_call.ts";
import type { Template } from "./mapping.ts";
import type { Policy } from "./policy.ts";
import type { SearchAttribute } from "./search.ts";
import type { AskedCapability } from "./asked_capability.ts";

/** A JSON Schema (draft 2020-12), as `z.toJSONSchema` writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a step takes and gives. A missing schema accepts anything. */
export interface StepContract {
  readonly input?: JsonSchema;
  readonly success?: JsonSchema;
  readonly error?: JsonSchema;
}

/**
 * Who acts when a step starts: code here, another system, the engine by an HTTP request, the clock, a
 * person or program; or nobody, because the turn itself makes the value.
 */
export const STEP_KINDS = ["local", "remote", "http", "sleep", "signal", "transform"] as const;

/** One of `STEP_KINDS`. */
export type StepKind = (typeof STEP_KINDS)[number];

/** Kinds of steps that do work: it may fail and be tried again. */
export type WorkKind = "local" | "remote" | "http";

/** Whether a step does work. */
export function doesWork(kind: StepKind | undefined): kind is WorkKind {
  return kind === "local" || kind === "remote" || kind === "http";
}

/** Whether attempts of a step run in this process, and end with it. */
export function runsHere(kind: StepKind | undefined): boolean {
  return kind === "local" || kind === "http";
}

/** One node of a workflow. */
export interface StepDefinition {
  readonly name: string;
  readonly kind: StepKind;
  /**
   * The system that owns the step; local steps of a module belong to its `namespace` unless said.
   * ANY_SYSTEM: a system that offers the capability is chosen for each attempt.
   */
  readonly owner: string;
  /** What the system has to offer; absent: it is asked without looking. */
  readonly capability?: AskedCapability;
  /** Envelope type of a remote step. */
  readonly event?: string;
  /** Handler name out of a manifest; only for people. */
  readonly handler?: string;
  /** Data edges: name in `with` → step. */
  readonly needs: Readonly<Record<string, string>>;
  /** Order edges. */
  readonly after: readonly string[];
  readonly when: When;
  readonly contract: StepContract;
  /**
   * Makes what the step takes, out of the task's input and of `needs`; any node can do that. Absent: the
   * code does, or the step takes the task's input.
   */
  readonly with?: Template;
  /** What an `http` step requests; `with` maps the rest. */
  readonly http?: HttpCall;
  /** A sleep's length when it is fixed; absent when code computes it. */
  readonly sleepMs?: number;
  /** A signal's end when nobody sends it. */
  readonly onTimeout?: "fail" | "park";
  readonly atMostOnce: boolean;
  /** Other ways to get it done, for a person to choose. Not part of the definition hash. */
  readonly alternatives?: readonly Alternative[];
  /** Not part of the definition hash. */
  readonly policy: Policy;
}

/** What happens to the other branches when a step failed for good. */
export type FailurePolicy = typeof FAILURE_POLICIES[number];

/** All of them; the first is the default. */
export const FAILURE_POLICIES = ["continue_independent", "fail_fast"] as const;

/** What a task gives when it completes: a mapping, and the contract of its value. */
export interface OutputDefinition {
  /** Name in `with` → step. */
  readonly needs: Readonly<Record<string, string>>;
  readonly with: Template;
  /** Absent: anything. */
  readonly success?: JsonSchema;
}

/** A workflow as data; stored by its hash, so that any node can decide any task. */
export interface Definition {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly input?: JsonSchema;
  readonly output?: OutputDefinition;
  readonly failurePolicy: FailurePolicy;
  readonly deadlineMs?: number;
  /** What may be tuned without a person. Not part of the definition hash. */
  readonly heal?: HealBounds;
  /** What tasks are found by, by name. Not part of the definition hash. */
  readonly search?: Readonly<Record<string, SearchAttribute>>;
  /** In the order in which they were declared; a step's index is its number in graph, events and Rust. */
  readonly steps: readonly StepDefinition[];
}

/** What a step reads: the task's input and, by alias, its parents' results or outcomes. */
export interface Given {
  readonly input: unknown;
  readonly [alias: string]: unknown;
}

/** What a running step may use. */
export interface RunContext {
  readonly input: unknown;
  /** The same for every attempt: pass it on as an idempotency key. */
  readonly key: string;
  readonly taskId: string;
  readonly attempt: number;
  /** Unix time in milliseconds at which the attempt times out. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly log: (text: string, fields?: Readonly<Record<string, unknown>>) => void;
  fail(error: unknown, how?: { retryable?: boolean; retryAfterMs?: number }): StepFailure;
  heartbeat(progress?: { fraction?: number; note?: string }): void;
}

/** What `fail(…)` returns: a failure by contract, as a value. */
export class StepFailure {
  constructor(
    readonly error: unknown,
    readonly retryable: boolean,
    readonly retryAfterMs: number | undefined,
  ) {}
}

/** The code of one step. Absent parts mean: take the input as it is, or another system runs it. */
export interface StepCode {
  readonly with?: (given: Given) => unknown;
  readonly run?: (context: RunContext) => unknown;
  readonly sleepMs?: (given: Given) => number;
  readonly input?: z.ZodType;
  readonly success?: z.ZodType;
  readonly error?: z.ZodType;
}

/** A workflow's code, by step name. */
export interface WorkflowCode {
  readonly input?: z.ZodType;
  readonly output?: z.ZodType;
  readonly steps: ReadonlyMap<string, StepCode>;
}

/** The name people type: `namespace/name`. */
export function workflowName(of: { namespace: string; name: string }): string {
  return `${of.namespace}/${of.name}`;
}

/** The namespace of a `namespace/name`. */
export function namespaceOf(workflow: string): string {
  return workflow.split("/", 1)[0] ?? "";
}
