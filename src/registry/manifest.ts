/** Manifests: workflows written in YAML, with the systems that own their steps. */

import { z } from "zod";
import { DURATION_FORMS, parseDuration } from "../core/duration.ts";
import { Alternatives, PolicyFields, SearchFields } from "../core/fields.ts";
import { HEAL_TIERS, type HealBounds } from "../core/healing.ts";
import type { Policy } from "../core/policy.ts";
import { WHENS } from "../core/graph.ts";
import { HTTP_METHODS, whyNoHeader, whyNoHeaderValue } from "../core/http_call.ts";
import { CapabilityDescription, EFFECTS, SystemVersion } from "../core/system.ts";
import { FAILURE_POLICIES } from "../core/workflow.ts";
import type { Position } from "../core/workflow_module.ts";
import { Faults } from "./fault.ts";
import { type Path, type PlacedValue, readablePath, readYaml } from "./yaml.ts";

/** What is wrong with a URL that holds a user name or a password. */
export const NO_USER = "holds a user name or a password: send a header instead";

/** Whether the part of a URL before its path names a user; a mapping may make the rest. */
export function hasUser(url: string): boolean {
  return /^https?:\/\/[^/?#]*@/i.test(url.replace(/\$\{[^}]*\}/g, ""));
}

/** A duration in milliseconds; the fault of anything else lists the forms. */
const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const ms = parseDuration(value);
  if (ms !== undefined) return ms;
  context.addIssue(`expected milliseconds as a whole number, or ${DURATION_FORMS}`);
  return z.NEVER;
});
const url = z.url({ protocol: /^https?$/, error: "expected an http or https URL" }).refine(
  (text) => !hasUser(text),
  { error: NO_USER, params: { fault: "bad_url" } },
);
const text = z.string().min(1);

const Retry = z.strictObject({
  attempts_max: z.number().optional(),
  backoff: z.union([z.string(), z.array(duration)]).optional(),
  delay_min: duration.optional(),
  delay_max: duration.optional(),
});

const headerText = z.string().refine(
  (text) => whyNoHeaderValue(text) === undefined,
  "holds a character that no header can have",
);
const headerName = z.string().refine(
  (name) => whyNoHeader(name) === undefined,
  { error: ({ input }) => whyNoHeader(String(input)) ?? "" },
);

/** A header whose value is a secret of the server: only its name is known here. */
export const SecretHeader = z.strictObject({
  secret: z.string().regex(
    /^(?!TASKER_)[A-Za-z_][A-Za-z0-9_]*$/,
    "expected the name of a variable that is not Tasker's own",
  ),
  prefix: headerText.exactOptional(),
});

/** A capability with more than its name. */
const Offer = z.strictObject({
  name: text,
  description: CapabilityDescription.optional(),
  version: SystemVersion.optional(),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  timeout: duration.optional(),
  effect: z.enum(EFFECTS).optional(),
});

type Offer = z.output<typeof Offer>;

const System = z.strictObject({
  base_url: url.optional(),
  capabilities: z.array(z.union([text.transform((name): Offer => ({ name })), Offer])).default([]),
  health_check_url: url.optional(),
  transport: z.enum(["bus", "http"]).default("bus"),
  headers: z.record(headerName, z.union([headerText, SecretHeader])).default({}),
}).refine(
  ({ base_url, transport }) => base_url !== undefined || transport === "bus",
  { path: ["base_url"], error: "is missing, expected the URL that the system is called at" },
);

const ON_TIMEOUT = ["fail", "park"] as const;

const Signal = z.strictObject({
  form: z.unknown().optional(),
  timeout: duration.optional(),
  on_timeout: z.enum(ON_TIMEOUT).optional(),
});

const Http = z.strictObject({
  method: z.enum(HTTP_METHODS),
  url: text,
  query: z.record(z.string(), z.unknown()).optional(),
  headers: z.record(z.string(), z.unknown()).optional(),
  body: z.unknown().optional(),
  retry_on: z.array(z.int().min(400).max(599)).optional(),
  response_headers: z.array(text).optional(),
});

/** What it means is checked where the step is bound: see `step_kind.ts`. */
const Step = z.strictObject({
  name: text,
  owner: text.optional(),
  with: z.unknown().optional(),
  input: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  signal: Signal.optional(),
  sleep: z.union(
    [z.number(), z.string()],
    `expected ${DURATION_FORMS}, or a reference such as ` +
      "$.input.delay",
  ).optional(),
  transform: z.unknown().optional(),
  http: Http.optional(),
  handler: text.optional(),
  todo: text.max(500).optional(),
  event_pattern: text.optional(),
  capability: text.optional(),
  depends_on: z.union([text, z.array(text)]).default([]),
  when: z.enum(WHENS).default("succeeded"),
  timeout: duration.optional(),
  queue_timeout: duration.optional(),
  heartbeat: duration.optional(),
  concurrency_max: z.number().optional(),
  on_exhausted: PolicyFields.shape.onExhausted,
  at_most_once: z.boolean().optional(),
  alternatives: Alternatives.optional(),
  retry: Retry.optional(),
});

/** The bounds are checked where the workflow is built. */
const Heal = z.strictObject({
  tier: z.enum(HEAL_TIERS).optional(),
  timeout: z.tuple([duration, duration], "expected [min, max]").optional(),
  attempts_max: z.tuple([z.number(), z.number()], "expected [min, max]").optional(),
});

const Output = z.strictObject({ with: z.unknown(), result: z.unknown().optional() });

const Whole = z.strictObject({
  name: text,
  version: z.string({
    error: ({ input }) =>
      input === undefined
        ? 'is missing, expected text such as "1.0.0"'
        : 'expected text: put the version in quotes, such as "2.0"',
  }),
  namespace: text.optional(),
  description: z.string().optional(),
  input: z.unknown().optional(),
  failure_policy: z.enum(FAILURE_POLICIES).optional(),
  deadline: duration.optional(),
  heal: Heal.optional(),
  search: SearchFields.optional(),
  systems: z.record(z.string(), System).default({}),
  workflow_steps: z.array(Step).min(1),
  output: Output.optional(),
});

/** A step as its manifest states it; durations are milliseconds. */
export type ManifestStep = z.output<typeof Step>;

/** A system as a manifest declares it. */
export type ManifestSystem = z.output<typeof System>;

/** What a manifest states of a step's policy. */
export function policyOfManifest(step: ManifestStep): Policy {
  const { attempts_max, backoff, delay_min, delay_max } = step.retry ?? {};
  const retry = {
    ...(attempts_max !== undefined && { attemptsMax: attempts_max }),
    ...(backoff !== undefined && { backoff: backoff as "none" }),
    ...(delay_min !== undefined && { delayMsMin: delay_min }),
    ...(delay_max !== undefined && { delayMsMax: delay_max }),
  };
  return {
    ...(step.retry !== undefined && { retry }),
    ...(step.timeout !== undefined && { timeoutMs: step.timeout }),
    ...(step.queue_timeout !== undefined && { queueTimeoutMs: step.queue_timeout }),
    ...(step.heartbeat !== undefined && { heartbeatMs: step.heartbeat }),
    ...(step.concurrency_max !== undefined && { concurrencyMax: step.concurrency_max }),
    ...(step.on_exhausted !== undefined && { onExhausted: step.on_exhausted }),
  };
}

/** What a manifest states of what healing may tune. */
export function healOfManifest({ heal }: z.output<typeof Whole>): HealBounds | undefined {
  if (heal === undefined) return undefined;
  const { tier, timeout, attempts_max } = heal;
  return {
    ...(tier !== undefined && { tier }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(attempts_max !== undefined && { attemptsMax: attempts_max }),
  };
}

/** A manifest that was read. What it means is checked when its workflow is built. */
export interface Manifest extends z.output<typeof Whole> {
  readonly file: string;
  /** Its fields that nobody reads: faults of the workflow, found together with all others. */
  readonly unknown: Faults;
  /** The place of a value. */
  at(path: Path): Position;
}

/**
 * Reads a manifest. Unknown fields are faults, so that nothing is silently ignored; they are part of
 * the answer if nothing else is wrong, so that the rest can be checked, too.
 *
 * Shape: `file` names the text in faults.
 *
 * @throws {TaskerError} definition.invalid with all faults, each with line and column
 */
export function readManifest(file: string, source: string): Manifest {
  return manifestOf(file, readYaml(file, source));
}

/**
 * Makes a manifest of a value that was read already.
 *
 * @throws {TaskerError} definition.invalid with all faults, each with its place
 */
export function manifestOf(file: string, placed: PlacedValue): Manifest {
  const faults = new Faults();
  const of = { file, unknown: faults, at: placed.at };
  const parsed = Whole.safeParse(placed.value);
  if (parsed.success) return { ...parsed.data, ...of };
  for (const issue of parsed.error.issues) addIssue(faults, placed, issue);
  const known = Whole.safeParse(withoutUnknown(placed.value, parsed.error.issues));
  if (known.success) return { ...known.data, ...of };
  throw faults.toError(`manifest "${file}"`);
}

/** Takes the unknown fields out of a copy of what was read. */
function withoutUnknown(read: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  if (issues.some(({ code }) => code !== "unrecognized_keys")) return undefined;
  const value = structuredClone(read);
  for (const issue of issues) {
    const holder = issue.path.reduce<unknown>(
      (inner, key) => (inner as Readonly<Record<PropertyKey, unknown>>)[key],
      value,
    );
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
    for (const key of keys) delete (holder as Record<string, unknown>)[key];
  }
  return value;
}

function addIssue(faults: Faults, yaml: PlacedValue, issue: z.core.$ZodIssue): void {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      const place = [...path, key];
      const at = { path: readablePath(place), at: () => yaml.atKey(place) };
      faults.addUnknown(at, key, fieldsAt(path));
    }
    return;
  }
  const own = issue.code === "custom" ? issue.params?.["fault"] : undefined;
  const code = typeof own === "string" ? own : issue.code;
  faults.add({ path: readablePath(path), at: () => yaml.at(path) }, code, detailOf(issue));
}

/** Returns what was expected; for a union, what each of its alternatives expects. */
function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) {
    return `is missing, expected ${issue.expected}`;
  }
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  if (issue.code !== "invalid_union") return issue.message;
  const inner = issue.errors.flat().map(({ message }) => message);
  return [...new Set(inner)].join(", or ") || issue.message;
}

/** The fields that the object at a path may have. */
function fieldsAt(path: Path): readonly string[] {
  if (path.at(-1) === "retry") return Object.keys(Retry.shape);
  if (path.at(-1) === "http") return Object.keys(Http.shape);
  if (path.at(-1) === "signal") return Object.keys(Signal.shape);
  if (path[0] === "heal") return Object.keys(Heal.shape);
  if (path[0] === "search") return Object.keys(SearchFields.valueType.shape);
  if (path[0] === "output") return Object.keys(Output.shape);
  if (path[0] === "systems") return Object.keys(System.shape);
  return Object.keys((path.length === 0 ? Whole : Step).shape);
}
