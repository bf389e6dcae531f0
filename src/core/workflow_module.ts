/** Recordings: what a workflow module said when it was loaded, before the registry checks it. */

import type { z } from "zod";
import type { WrittenAlternative } from "./alternative.ts";
import type { When } from "./graph.ts";
import type { HealBounds } from "./healing.ts";
import type { WrittenAttribute } from "./search.ts";
import type { Template } from "./mapping.ts";
import type { Policy } from "./policy.ts";
import type { FailurePolicy, Given, RunContext } from "./workflow.ts";

/** A place in a source file. Shape: `file` is a URL or a path; `line` and `column` count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Finds out where something was written. Cost: only when it is called, so only for faults. */
export type Locate = () => Position | undefined;

/** A step as its author wrote it: contracts, policy, and its code or the system that runs it. */
export interface StepSpec extends Policy {
  readonly input: z.ZodType;
  readonly success: z.ZodType;
  readonly error?: z.ZodType;
  /** The code of a local step. */
  readonly run?: (context: RunContext) => unknown;
  readonly atMostOnce?: boolean;
  readonly alternatives?: readonly WrittenAlternative[];
  /** The system that owns a local step; its workflow's namespace unless said. */
  readonly owner?: string;
  /** The system that runs a remote step. */
  readonly system?: string;
  /** Envelope type of a remote step. */
  readonly event?: string;
}

/** A wired step, by name. `of` keeps the wirings of two workflows apart. */
export interface WiredStep {
  readonly name: string;
  readonly of: symbol;
}

interface WireBase<K extends string> {
  readonly kind: K;
  readonly name: string;
  readonly at: Locate;
  /** Data edges, by alias. */
  readonly needs: Readonly<Record<string, WiredStep>>;
  /** Order edges; an absent one is a fault. */
  readonly after: readonly (WiredStep | undefined)[];
}

/** `w.step(…)` */
export interface StepWire extends WireBase<"step"> {
  readonly definition: StepSpec;
  readonly when: When;
  readonly with?: (given: Given) => unknown;
}

/** `w.sleep(…)` */
export interface SleepWire extends WireBase<"sleep"> {
  readonly ms: number | ((given: Given) => number);
}

/** `w.signal(…)` */
export interface SignalWire extends WireBase<"signal"> {
  readonly success: z.ZodType;
  readonly timeoutMs?: number;
  readonly onTimeout?: "fail" | "park";
}

/** `w.give(…)`: the input of a step that a manifest wired. */
export interface GiveWire extends WireBase<"give"> {
  readonly with: (given: Given) => unknown;
}

/** `w.output(…)` */
export interface OutputWire extends WireBase<"output"> {
  readonly success: z.ZodType;
  readonly template: Template;
}

/** One call of the wiring function. */
export type Wire = StepWire | SleepWire | SignalWire | GiveWire | OutputWire;

/** The manifest that a module implements, and the definitions it binds to the manifest's steps. */
export interface ManifestBinding {
  /** As it was written: relative to `base`, or to the module that said it. */
  readonly path: string;
  /** What the module itself states in the place of a file. */
  readonly value?: unknown;
  readonly base?: string;
  readonly steps: Readonly<Record<string, StepSpec>>;
  readonly handlers: Readonly<Record<string, StepSpec>>;
}

/** A workflow as its module recorded it. A manifest may bring name, version and namespace. */
export interface WorkflowModule {
  readonly kind: "workflow";
  readonly of: symbol;
  readonly at: Locate;
  readonly namespace?: string;
  readonly name?: string;
  readonly version?: string;
  /** Absent: the manifest states it, or anything is taken. */
  readonly input?: z.ZodType;
  readonly failurePolicy?: FailurePolicy;
  readonly deadlineMs?: number;
  readonly heal?: HealBounds;
  readonly search?: Readonly<Record<string, WrittenAttribute>>;
  readonly manifest?: ManifestBinding;
  readonly wires: readonly Wire[];
}

/** Whether a module's export is a workflow. */
export function isWorkflowModule(value: unknown): value is WorkflowModule {
  return typeof value === "object" && value !== null && "kind" in value &&
    value.kind === "workflow" && "wires" in value && Array.isArray(value.wires);
}
