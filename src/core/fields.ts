/** Fields: the shapes that modules, HTTP, the bus and the command line share. Each is defined once. */

import { z } from "zod";
import { EVENT_TYPE, EVENT_TYPE_LENGTH_MAX } from "./asked_capability.ts";
import { DURATION_MS_MAX } from "./duration.ts";
import { PRIORITY, type StartLever } from "./starts.ts";
import { FAILURE_CLASSES } from "./event.ts";
import {
  HEAL_TIERS,
  type HealBounds,
  HEALER_DEFAULTS,
  HEALER_MODES,
  type HealerSettings,
} from "./healing.ts";
import type { Policy } from "./policy.ts";
import { type FailureMatch, type RetryRule, RULES_MAX, unreachedRule } from "./retry_rule.ts";
import { ATTRIBUTE_TYPES, ATTRIBUTES_MAX } from "./search.ts";
import type { CircuitPolicy, SystemLimit } from "./shared_limit.ts";

/** Characters of a name. */
const NAME_LENGTH_MAX = 64;

/** What a name may hold, in words for an error text. */
export const NAME_FORM = `1 to ${NAME_LENGTH_MAX} characters of a-z, 0-9, "_" and "-"`;

/** Names are segments of channels and of logical addresses, so they hold no dots. */
const NAME = `[a-z0-9_-]{1,${NAME_LENGTH_MAX}}`;

/** A name of a namespace, workflow, step or system. */
export const Name = z.string().regex(new RegExp(`^${NAME}$`), `expected ${NAME_FORM}`);

/** The name of a secret: a variable of the environment. Tasker's own are nobody else's. */
export const SecretName = z.string().regex(
  /^(?!TASKER_)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  "expected the name of a variable that TASKER_SECRETS lists",
);

/** `namespace/name`. */
export const WorkflowName = z.string().regex(
  new RegExp(`^${NAME}/${NAME}$`),
  "expected namespace/name, of lower-case letters, digits, _ and -",
).describe("namespace/name");

/** Types of envelopes: names joined by dots. */
export const EventType = z.string().max(EVENT_TYPE_LENGTH_MAX).regex(EVENT_TYPE);

/** A version of a workflow: `1.0.0`, or any short text that begins with a letter or a digit. */
export const Version = z.string().regex(
  /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/,
  'expected a version such as "1.0.0"',
);

/** Tags of a task. */
const TAGS_MAX = 32;
export const Tag = z.string().min(1).max(128);
export const Tags = z.array(Tag).max(TAGS_MAX).default([]).describe("Labels to find the task by");

/** How urgent a task is. */
export const Priority = z.int().min(PRIORITY.high).max(PRIORITY.low)
  .describe(
    "1 is high, 5 low; 3 unless said. Of steps that wait for a limit the high go first, and starts of low priority are held back first",
  );

/** How long a task may take, in milliseconds. */
export const DeadlineMs = z.int().min(1).max(DURATION_MS_MAX)
  .describe("How long the task may take");

/** Characters of the reason of a person's request. */
export const REASON_LENGTH_MAX = 2_000;

/** Who acts; absent: the name of the API key. The id of the key is added. */
export const By = z.string().min(1).max(200).optional()
  .describe("Who decides; the name of the key unless given");

/** Why a person acts. */
export const Reason = z.string().max(REASON_LENGTH_MAX).default("")
  .describe("Why, for the journal");

/** Why a person changes what holds for many tasks: it has to be said. */
export const DemandedReason = z.string().min(1).max(REASON_LENGTH_MAX)
  .describe("Why; it is kept with the version");

/** The most attempts that a policy may allow. */
const ATTEMPTS_MAX = 1_000;

/** Entries of a table of delays. */
const DELAYS_MAX = 100;

/** The highest limit of attempts at once. */
const CONCURRENCY_MAX = 1_000_000;

const delayMs = z.int().min(0).max(DURATION_MS_MAX);
const limitMs = z.int().min(1).max(DURATION_MS_MAX).optional();

const onExhausted = z.enum(["park", "fail"]);

/** How a failure is retried. */
export const RetriesFields = z.strictObject({
  attemptsMax: z.int().min(1).max(ATTEMPTS_MAX),
  backoff: z.union([
    z.enum(["none", "linear", "exponential", "fibonacci"]),
    z.array(delayMs).min(1).max(DELAYS_MAX),
  ], 'expected "none", "linear", "exponential", "fibonacci", or a list of milliseconds'),
  delayMsMin: delayMs,
  delayMsMax: delayMs,
});

/** Which failures a rule is for. */
export const FailureMatchFields = z.strictObject(
  {
    class: z.enum(FAILURE_CLASSES),
    code: z.string().min(1).max(128).describe("`error_code` of the error"),
    status: z.int().min(100).max(599).describe("`http_status` of the error"),
    host: z.string().max(260).regex(/^[a-z0-9.:[\]-]+$/)
      .describe("The host that an http step calls, with its port unless that is the default"),
  } satisfies Record<keyof FailureMatch, z.ZodType>,
);

/** One of `retry.by`. */
const RetryRuleFields = z.strictObject(
  {
    ...FailureMatchFields.shape,
    ...RetriesFields.shape,
    onExhausted: onExhausted.describe("park also parks what is not to be retried"),
  } satisfies Record<keyof RetryRule, z.ZodType>,
).partial().refine(
  (rule) => Object.keys(FailureMatchFields.shape).some((field) => field in rule),
  `expected one of ${Object.keys(FailureMatchFields.shape).join(", ")}`,
).refine(
  (rule) => Object.keys(rule).some((field) => !(field in FailureMatchFields.shape)),
  "says nothing about retries",
);

/** `retry` of a policy. */
export const RetryFields = z.strictObject({
  ...RetriesFields.shape,
  by: z.array(RetryRuleFields).max(RULES_MAX).superRefine((rules, context) => {
    const at = unreachedRule(rules as readonly FailureMatch[]);
    if (at < 0) return;
    const message = "an earlier rule takes all failures that this one is for";
    context.addIssue({ code: "custom", path: [at], message });
  }).describe("How certain failures are retried: the first that matches counts"),
}).partial();

/** A policy. Delays that contradict each other are found by `contradictionOf`. */
export const PolicyFields = z.strictObject(
  {
    retry: RetryFields.optional(),
    timeoutMs: limitMs,
    queueTimeoutMs: limitMs,
    heartbeatMs: limitMs,
    concurrencyMax: z.int().min(1).max(CONCURRENCY_MAX).optional(),
    onExhausted: onExhausted.optional(),
    system: Name.optional()
      .describe(
        "The system that gets a remote step instead, while it offers the step's capability",
      ),
  } satisfies Record<keyof Policy, z.ZodType>,
);

/** Other ways to get a step done; whether they fit it is checked with the step. */
export const Alternatives = z.array(z.strictObject({
  name: Name,
  system: Name.exactOptional(),
  capability: z.string().min(1).max(256).exactOptional(),
  manual: z.string().min(1).max(REASON_LENGTH_MAX).exactOptional(),
})).max(10);

/** A share of attempts. */
const share = z.number().min(0.01).max(1).optional();

/** When something ends by itself; once it is over, it says nothing. */
const untilMs = z.int().min(0).optional().describe("Unix time in ms");

/** Instances of a system that may be ejected at once: each command names them. */
const EJECTED_MAX = 50;

/** The name of an instance: a host, a process, a pod. */
export const InstanceName = z.string().regex(
  /^[0-9A-Za-z][0-9A-Za-z._:-]{0,127}$/,
  'expected 1 to 128 letters, digits, ".", "_", ":" and "-"',
);

/** Which starts of a workflow are held back. */
export const StartLeverFields = z.strictObject(
  {
    pausedBelow: z.int().min(0).max(PRIORITY.low - 1).optional()
      .describe("Starts of a lower priority (a higher number) are held back; 0 = all"),
    ratePerS: z.number().min(0.001).max(1_000_000).optional()
      .describe("Starts in a second, on all nodes together; urgent ones go first"),
    untilMs: untilMs.unwrap().describe("It ends then, Unix time in ms"),
  } satisfies Record<keyof StartLever, z.ZodType>,
).refine(
  ({ pausedBelow, ratePerS }) => pausedBelow !== undefined || ratePerS !== undefined,
  "expected pausedBelow or ratePerS",
);

/** When the circuit of a system opens. */
const CircuitFields = z.strictObject(
  {
    failureShare: share.describe("Share of attempts without an answer that opens it"),
    slowMs: limitMs.describe("An answer that took longer is slow"),
    slowShare: share.describe("Share of slow answers that opens it"),
    volumeMin: z.int().min(1).max(1_000_000).optional()
      .describe("Attempts that must have ended before a share counts"),
    openUntilMs: untilMs.describe("It is open until then, Unix time in ms"),
  } satisfies Record<keyof CircuitPolicy, z.ZodType>,
).refine(
  ({ slowMs, slowShare }) => slowShare === undefined || slowMs !== undefined,
  { path: ["slowShare"], message: "has no meaning without slowMs" },
);

/** What a system, or one of its capabilities, may be tuned by. */
export const SystemLimitFields = z.strictObject(
  {
    concurrencyMax: z.int().min(1).max(CONCURRENCY_MAX).optional()
      .describe("Attempts that run at once, on all nodes together"),
    ratePerS: z.number().min(0.001).max(1_000_000).optional()
      .describe("Attempts that start in a second, on all nodes together"),
    burst: z.int().min(1).max(1_000_000).optional()
      .describe("Starts that may come at once after a rest; by default those of one second"),
    holdUntilMs: untilMs.describe("Nothing is sent before, Unix time in ms; then little by little"),
    ejected: z.record(InstanceName, untilMs.unwrap())
      .refine((ejected) => Object.keys(ejected).length <= EJECTED_MAX, "too many instances")
      .optional().describe("Instances that get nothing until a time, Unix ms"),
    circuit: CircuitFields.optional(),
  } satisfies Record<keyof SystemLimit, z.ZodType>,
  {
    error: ({ code, keys }) =>
      code === "unrecognized_keys"
        ? `unknown ${
          keys?.join(", ")
        }, expected concurrencyMax, ratePerS, burst, holdUntilMs, ejected or circuit`
        : undefined,
  },
).refine(
  ({ ratePerS, burst }) => burst === undefined || ratePerS !== undefined,
  { path: ["burst"], message: "has no meaning without ratePerS" },
);

/** Two bounds, the lower one first. */
function bounds(value: z.ZodType<number>) {
  return z.tuple([value, value], "expected [min, max]")
    .refine(([min, max]) => min <= max, "the first one is the lower bound");
}

/** `heal` of a workflow. */
export const HealFields = z.strictObject(
  {
    tier: z.enum(HEAL_TIERS).optional(),
    timeoutMs: bounds(z.int().min(1).max(DURATION_MS_MAX)).optional(),
    attemptsMax: bounds(z.int().min(1).max(ATTEMPTS_MAX)).optional(),
  } satisfies Record<keyof HealBounds, z.ZodType>,
);

/** `search` of a workflow: what its tasks are found by. */
export const SearchFields = z.record(
  Name,
  z.strictObject({
    from: z.string().min(1).max(1_024).describe("Such as $.input.region or $.charge.amount"),
    type: z.enum(ATTRIBUTE_TYPES, `expected one of ${ATTRIBUTE_TYPES.join(", ")}`)
      .default("keyword"),
  }),
).refine(
  (search) => Object.keys(search).length <= ATTRIBUTES_MAX,
  `has too many attributes, at most ${ATTRIBUTES_MAX} are kept`,
);

/** Spans of silence that may be set at once. */
const SILENCES_MAX = 50;

const HEALER_FIELDS = {
  mode: z.enum(HEALER_MODES).describe(
    "off: nothing is looked at; observe: changes are proposed and not made; with both, what is not " +
      "decided yet is taken back",
  ),
  actionsPerHour: z.int().min(0).max(1_000)
    .describe("Changes in an hour, of all workflows together"),
  silences: z.array(z.strictObject({
    fromMs: z.int().min(0),
    untilMs: z.int().min(0),
    workflow: WorkflowName.exactOptional(),
  })).max(SILENCES_MAX)
    .describe("Spans in which nothing is changed, such as maintenance; Unix time in ms"),
} satisfies Record<keyof HealerSettings, z.ZodType>;

/** Settings of the healer. */
export const HealerFields = z.strictObject({
  mode: HEALER_FIELDS.mode.default(HEALER_DEFAULTS.mode),
  actionsPerHour: HEALER_FIELDS.actionsPerHour.default(HEALER_DEFAULTS.actionsPerHour),
  silences: HEALER_FIELDS.silences.default([]),
});

/** A change of those settings: what is not named stays as it is. */
export const HealerChange = z.strictObject(HEALER_FIELDS).partial();
