/** Step commands: the envelope that asks another system for one attempt. */

import { replyChannel } from "../core/channels.ts";
import {
  type Envelope,
  ENVELOPE_BYTES_MAX,
  ENVELOPE_DEPTH_MAX,
  STEP_CANCELLED,
} from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { dispatchId, type TaskId } from "../core/ids.ts";
import { findUnfit } from "../core/json.ts";
import { decodePayload, encodePayload, REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { Attempt, Runtime } from "../core/ports.ts";
import { stepSchemaId } from "../core/schema_id.ts";
import type { Sized } from "./publisher.ts";
import { endsAtMs } from "./failures.ts";
import { GRACE_MS, LIFE_MS_MAX, type ReplyTokens } from "./reply_token.ts";

/** Who sends envelopes, and where their answers go. */
export interface Sender {
  readonly runtime: Pick<Runtime, "now" | "uuid">;
  readonly tokens: ReplyTokens;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Names this installation in `source`. */
  readonly deployment: string;
  /** Instances of a system that are to get nothing now; absent: none ever. */
  ejected?(system: string): readonly string[];
}

/** Returns the system that an attempt asks. */
export function systemOf({ plan, step, system }: Attempt): string {
  return system ?? (plan.steps[step] as PlannedStep).definition.owner;
}

/** Returns the logical address of a step; the same for all of its attempts. */
export function subjectOf(taskId: string, step: string): string {
  return `tasker.${taskId}.${step}`;
}

/**
 * Makes the envelope of an attempt. A repeat has the same id: the receiver drops it.
 *
 * Shape: `input` is mapped and checked already.
 *
 * @throws {TaskerError} payload.too_large, contract.violation, journal.poison: not JSON, or U+0000
 */
export function stepCommand(sender: Sender, attempt: Attempt, input: unknown): Sized {
  const { taskId, traceparent } = attempt;
  const expiresAtMs = endsAtMs(attempt);
  const { name, definition } = attempt.plan.steps[attempt.step] as PlannedStep;
  const system = systemOf(attempt);
  const what = `the input of step "${name}"`;
  const ejected = sender.ejected?.(system) ?? [];
  // A copy: what was checked is sent, even if the input changes meanwhile.
  const data = decodePayload(encodePayload(input, what, REMOTE_PAYLOAD_SIZE_MAX));
  const envelope: Envelope = {
    ...attributesOf(sender, taskId, name),
    id: dispatchId(taskId, name, attempt.attempt),
    type: attempt.event ?? definition.event ?? name,
    ...(expiresAtMs !== undefined && { expirytime: new Date(expiresAtMs).toISOString() }),
    ...(traceparent !== undefined && { traceparent }),
    taskerattempt: attempt.attempt,
    ...(ejected.length > 0 && { taskerejected: ejected.join(" ") }),
    taskerreplyto: replyChannel(sender.prefix, system),
    taskerreplytoken: sender.tokens.sign({
      task: taskId,
      step: name,
      attempt: attempt.attempt,
      sys: system,
      exp: expiryOf(sender, attempt),
    }),
    datacontenttype: "application/json",
    ...(definition.contract.input !== undefined && {
      dataschema: stepSchemaId(attempt.plan.definition, name, "input"),
    }),
    data,
  };
  demandShallow(envelope, what);
  return { envelope, bytes: demandSmall(envelope, what) };
}

/**
 * Makes the envelope that asks a system to stop a step.
 *
 * Shape: with `attempt` it names the command that it cancels; without, it is about all attempts.
 */
export function stepCancelled(
  sender: Sender,
  of: { taskId: TaskId; step: PlannedStep; attempt: number | undefined },
): Envelope {
  const { taskId, attempt, step: { name } } = of;
  return {
    ...attributesOf(sender, taskId, name),
    id: `${taskId}/${name}/cancelled/${sender.runtime.uuid()}`,
    type: STEP_CANCELLED,
    ...(attempt !== undefined && {
      causationid: dispatchId(taskId, name, attempt),
      taskerattempt: attempt,
    }),
    datacontenttype: "application/json",
    data: {},
  };
}

function attributesOf(sender: Sender, taskId: TaskId, step: string) {
  return {
    specversion: "1.0" as const,
    source: `/tasker/${sender.deployment}`,
    subject: subjectOf(taskId, step),
    correlationid: taskId,
    time: new Date(sender.runtime.now()).toISOString(),
  };
}

/** The deadline of the definition is not used: the start may have named a later one. */
function expiryOf({ runtime }: Sender, { dueAtMs }: Attempt): number {
  return dueAtMs === undefined ? runtime.now() + LIFE_MS_MAX : dueAtMs + GRACE_MS;
}

/** Receivers may refuse a deeper envelope, as Tasker does: nobody would ever answer it. */
function demandShallow(envelope: Envelope, what: string): void {
  if (findUnfit(envelope, ENVELOPE_DEPTH_MAX) === undefined) return;
  throw new TaskerError(
    "payload.too_large",
    `Cannot send ${what}: its envelope nests deeper than ${ENVELOPE_DEPTH_MAX}`,
  );
}

/** Returns the bytes of an envelope that is small enough. */
function demandSmall(envelope: Envelope, what: string): number {
  const bytes = new TextEncoder().encode(JSON.stringify(envelope)).length;
  if (bytes <= ENVELOPE_BYTES_MAX) return bytes;
  throw new TaskerError(
    "payload.too_large",
    `Cannot send ${what}: its envelope has ${bytes} bytes, at most ${ENVELOPE_BYTES_MAX} are allowed`,
  );
}
