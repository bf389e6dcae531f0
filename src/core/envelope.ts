/** Envelopes: CloudEvents 1.0 in structured JSON, the one shape on every bus. */

import { z } from "zod";
import { type Fault, TaskerError } from "./errors.ts";
import { describeUnfit, findUnfit, parseJson, type Unfit } from "./json.ts";
import { REMOTE_PAYLOAD_SIZE_MAX } from "./payload.ts";

/** The largest whole envelope, in UTF-8 bytes (CloudEvents: what intermediaries must forward). */
export const ENVELOPE_BYTES_MAX = REMOTE_PAYLOAD_SIZE_MAX;

/** Envelopes that nest deeper are refused. */
export const ENVELOPE_DEPTH_MAX = 32;

/** Characters of an envelope's id, and of its other texts. */
export const ENVELOPE_TEXT_LENGTH_MAX = 512;

const text = z.string().min(1).max(ENVELOPE_TEXT_LENGTH_MAX);
const time = z.iso.datetime({ offset: true });

/**
 * The attributes Tasker reads. Unknown attributes are allowed, as CloudEvents asks.
 *
 * Shape: `subject` is the logical address `tasker.<task>.<step>`; `taskerattempt` counts from 1;
 * `taskerreplyto` names the channel for answers, verbatim; `taskerreplytoken` is copied into them.
 * Units: `time` and `expirytime` are RFC 3339.
 */
export const Envelope = z.looseObject({
  specversion: z.literal("1.0"),
  id: text.describe("Unique for the source; the same each time the envelope is sent"),
  source: text.describe("Who sends: `/tasker/<bus prefix>`, or `/<system>`"),
  type: text.describe("What is asked, or said"),
  subject: text.describe("The step, `tasker.<task>.<step>`: the same for all its attempts")
    .optional(),
  time: time.describe("When it was made, by the sender's clock").optional(),
  expirytime: time.describe("When nobody waits for its answer any more, by the sender's clock")
    .optional(),
  datacontenttype: z.string().max(128).describe("`application/json`").optional(),
  dataschema: z.string().max(ENVELOPE_TEXT_LENGTH_MAX).describe(
    "The schema of `data`; in a command, of its input",
  )
    .optional(),
  correlationid: text.describe("The task, or what a producer chose").optional(),
  causationid: text.describe("The id of the envelope that led to this one").optional(),
  traceparent: z.string().max(128).describe("W3C Trace Context").optional(),
  taskerattempt: z.number().int().min(1).describe("Counts the attempts of the step, from 1")
    .optional(),
  taskerejected: z.string().min(1).max(8_192)
    .describe("Instances that are to leave the command to others; names with spaces between")
    .optional(),
  taskerinstance: text.describe("In a reply: which instance of the system answers, as in its hello")
    .optional(),
  taskerreplyto: text.describe("The channel for the answer, to be used as it is").optional(),
  taskerreplytoken: z.string().max(2048)
    .describe("The permission to answer this attempt: copied into the reply").optional(),
  data: z.unknown().describe("JSON, by the type of the envelope").optional(),
});

/** One envelope. */
export type Envelope = z.infer<typeof Envelope>;

/** Types of envelopes that come in. */
export const ENVELOPE_DEAD = "tasker.envelope.dead";
export const STEP_COMPLETED = "tasker.step.completed";
export const STEP_FAILED = "tasker.step.failed";
export const STEP_PROGRESS = "tasker.step.progress";
export const TASK_START = "tasker.task.start";
export const TASK_SIGNAL = "tasker.task.signal";
export const TASK_CANCEL = "tasker.task.cancel";
/** Types of the answers to a request. */
export const TASK_ACCEPTED = "tasker.task.accepted";
export const TASK_REJECTED = "tasker.task.rejected";
/** A worker says that it is there, and what it offers; and that it leaves. */
export const SYSTEM_HELLO = "tasker.system.hello";
export const SYSTEM_GOODBYE = "tasker.system.goodbye";
export const SYSTEM_ACCEPTED = "tasker.system.accepted";
export const SYSTEM_REJECTED = "tasker.system.rejected";
/** Sent to a system whose step is no longer wanted; `subject` names it. */
export const STEP_CANCELLED = "tasker.step.cancelled";

/** UTF-8 never needs more bytes a character of a string. */
const BYTES_PER_CHARACTER_MAX = 3;

/** Whether a body has more than ENVELOPE_BYTES_MAX bytes; most are too short to be counted. */
export function isEnvelopeTooLarge(body: string): boolean {
  return body.length * BYTES_PER_CHARACTER_MAX > ENVELOPE_BYTES_MAX &&
    new TextEncoder().encode(body).length > ENVELOPE_BYTES_MAX;
}

/**
 * Parses what came from a bus.
 *
 * @throws {TaskerError} bus.envelope_invalid, with a fault for each wrong attribute
 */
export function parseEnvelope(body: string): Envelope {
  if (isEnvelopeTooLarge(body)) {
    const bytes = new TextEncoder().encode(body).length;
    throw invalidEnvelope(
      `it has ${bytes} bytes, at most ${ENVELOPE_BYTES_MAX} (64 KiB) are allowed`,
    );
  }
  const parsed = parseJson(body, ENVELOPE_DEPTH_MAX);
  if (!parsed.ok) throw unfitEnvelope(parsed.unfit);
  return shapeOf(parsed.value);
}

/**
 * Checks an envelope that is already parsed.
 *
 * @throws {TaskerError} bus.envelope_invalid
 */
export function checkEnvelope(value: unknown): Envelope {
  const unfit = findUnfit(value, ENVELOPE_DEPTH_MAX);
  if (unfit !== undefined) throw unfitEnvelope(unfit);
  return shapeOf(value);
}

/** The name of an attribute where the bindings for NATS, Kafka and AMQP put them into headers. */
export const BINARY_MODE = /^(ce[-_]|cloudEvents[_:])specversion$/i;

function shapeOf(value: unknown): Envelope {
  const foreign = typeof value === "object" && value !== null ? foreignForm(value) : undefined;
  if (foreign !== undefined) throw invalidEnvelope(foreign);
  const parsed = Envelope.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => ({
    path: issue.path.join("."),
    code: issue.code,
    detail: issue.message,
  }));
  const named = faults.map((fault) => `${fault.path || "envelope"}: ${fault.detail}`).join("; ");
  throw new TaskerError("bus.envelope_invalid", `Cannot read the envelope: ${named}`, { faults });
}

/** Other forms of CloudEvents, which are refused by name. */
function foreignForm(value: object): string | undefined {
  const names = Object.keys(value);
  if (names.some((name) => BINARY_MODE.test(name))) {
    return "it is in binary mode, with its attributes in headers: only structured mode is read, " +
      "one JSON object with `data` in it";
  }
  if (names.includes("data_base64")) return "it has `data_base64`: only JSON in `data` is read";
  if (Array.isArray(value)) return "it is a batch: one envelope at a time is read";
  return undefined;
}

function unfitEnvelope(unfit: Unfit): TaskerError {
  const isDeep = unfit.code === "too_deep";
  return invalidEnvelope(
    isDeep ? `it nests deeper than ${ENVELOPE_DEPTH_MAX}` : describeUnfit(unfit),
    [
      unfit,
    ],
  );
}

function invalidEnvelope(why: string, faults: readonly Fault[] = []): TaskerError {
  return new TaskerError("bus.envelope_invalid", `Cannot read the envelope: ${why}`, { faults });
}
