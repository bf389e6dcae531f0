/** Manifests as objects: what a YAML file says, in a module. */

import type { WrittenAlternative } from "../core/alternative.ts";
import type { HEAL_TIERS } from "../core/healing.ts";
import type { HTTP_METHODS } from "../core/http_call.ts";
import type { When } from "../core/graph.ts";
import type { Template } from "../core/mapping.ts";
import type { WrittenAttribute } from "../core/search.ts";
import type { EFFECTS } from "../core/system.ts";
import type { FailurePolicy, JsonSchema } from "../core/workflow.ts";

/** Milliseconds, or a text such as `30s`. */
type Duration = number | string;

/** How a failed step is tried again. */
interface ManifestRetry {
  readonly attempts_max?: number;
  readonly backoff?: string | readonly Duration[];
  readonly delay_min?: Duration;
  readonly delay_max?: Duration;
}

/** A step of a manifest. One thing runs it: its fields are those of docs/manifests.md. */
export interface ManifestStep {
  readonly name: string;
  readonly owner?: string;
  /** `name` or `name@range`. */
  readonly capability?: string;
  readonly event_pattern?: string;
  readonly handler?: string;
  readonly depends_on?: string | readonly string[];
  readonly when?: When;
  readonly signal?: {
    readonly form?: JsonSchema;
    readonly timeout?: Duration;
    readonly on_timeout?: "fail" | "park";
  };
  readonly sleep?: Duration;
  readonly transform?: Template;
  readonly http?: {
    readonly method: (typeof HTTP_METHODS)[number];
    readonly url: string;
    readonly query?: Readonly<Record<string, Template>>;
    readonly headers?: Readonly<Record<string, Template>>;
    readonly body?: Template;
    readonly retry_on?: readonly number[];
    readonly response_headers?: readonly string[];
  };
  /** What is still to be said; such a workflow is not loaded. */
  readonly todo?: string;
  readonly with?: Template;
  readonly input?: JsonSchema;
  readonly result?: JsonSchema;
  readonly error?: JsonSchema;
  readonly timeout?: Duration;
  readonly queue_timeout?: Duration;
  readonly heartbeat?: Duration;
  readonly retry?: ManifestRetry;
  readonly concurrency_max?: number;
  readonly on_exhausted?: "park" | "fail";
  readonly at_most_once?: boolean;
  readonly alternatives?: readonly WrittenAlternative[];
}

/** A system as a manifest declares it. */
export interface ManifestSystem {
  readonly base_url?: string;
  readonly transport?: "bus" | "http";
  readonly headers?: Readonly<
    Record<string, string | { readonly secret: string; readonly prefix?: string }>
  >;
  readonly health_check_url?: string;
  readonly capabilities?: readonly (string | {
    readonly name: string;
    readonly description?: string;
    readonly version?: string;
    readonly input?: JsonSchema;
    readonly output?: JsonSchema;
    readonly timeout?: Duration;
    readonly effect?: (typeof EFFECTS)[number];
  })[];
}

/** A manifest as an object: the fields of a YAML file, in its words. */
export interface Manifest {
  readonly name: string;
  readonly namespace?: string;
  readonly version: string;
  readonly description?: string;
  readonly failure_policy?: FailurePolicy;
  readonly deadline?: Duration;
  readonly heal?: {
    readonly tier?: (typeof HEAL_TIERS)[number];
    readonly timeout?: readonly [Duration, Duration];
    readonly attempts_max?: readonly [number, number];
  };
  /** What tasks are found by: values of their input, or of the results of steps. */
  readonly search?: Readonly<Record<string, WrittenAttribute>>;
  readonly input?: JsonSchema;
  readonly systems?: Readonly<Record<string, ManifestSystem>>;
  readonly workflow_steps: readonly ManifestStep[];
  readonly output?: { readonly with: Template; readonly result?: JsonSchema };
}
