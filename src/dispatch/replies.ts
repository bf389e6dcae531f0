/** Replies: what other systems answer becomes commands, if their tokens allow it. */

import { replyChannel } from "../core/channels.ts";
import type { Answer, Command } from "../core/command.ts";
import {
  checkEnvelope,
  type Envelope,
  parseEnvelope,
  STEP_COMPLETED,
  STEP_FAILED,
  STEP_PROGRESS,
} from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { dispatchId, parseTaskId, type TaskId } from "../core/ids.ts";
import type { PlannedStep } from "../core/plan.ts";
import { withRemoteParent } from "../telemetry/trace.ts";
import { contractFailure } from "./contract_check.ts";
import { consumeChannels, type ConsumptionDeps, type EndConsumption } from "./consumption.ts";
import type { DeadLetterStore } from "./dead_letter_store.ts";
import { completedOutcome, failedOutcome, progressOf } from "./reply_outcome.ts";
import type { Claims, ReplyTokens, TokenFault } from "./reply_token.ts";
import { subjectOf } from "./step_command.ts";
import type { FindPlan } from "./task_plans.ts";
import { type Addressee, addresseeOf } from "./unread_reply.ts";

/** Replies of one system that are in hand at once; their commits share flushes. */
export const REPLIES_IN_FLIGHT_MAX = 256;

/** Takes commands: with an answer once they are committed, or, for signs of life, without. */
export interface ReplySink {
  send(command: Command): Promise<Answer>;
  record(command: Command): void;
}

/** What taking replies needs. */
export interface ReplyDeps extends ConsumptionDeps {
  readonly tokens: ReplyTokens;
  readonly sink: ReplySink;
  readonly office: DeadLetterStore;
  /** Begins the name of every channel. */
  readonly prefix: string;
  planOf: FindPlan;
}

/** Why a reply is refused; also the label of the metric. */
type Refusal = TokenFault | "other_system" | "other_subject" | "unknown_type" | "unknown_step";

/**
 * Consumes the reply channels of systems until the result is called.
 *
 * A reply is acknowledged only when its command is committed. One that is no valid envelope fails
 * the attempt that its token names; one that can never be taken is put aside.
 */
export function openReplies(parts: ReplyDeps, systems: readonly string[]): EndConsumption {
  const channels = systems.map((system) => {
    const channel = replyChannel(parts.prefix, system);
    return {
      channel,
      inFlightMax: REPLIES_IN_FLIGHT_MAX,
      async handle({ body }: { body: string }) {
        await takeBody(parts, system, body);
        return { kind: "ack" } as const;
      },
      deadLetter: ({ body }: { body: string }, error: unknown) =>
        parts.office.keep({ system, channel, body, word: "reply", reason: messageOf(error) }),
    };
  });
  return consumeChannels(parts, channels);
}

/**
 * Takes one reply of a system, whichever way it came; resolves when it is committed, with the id of
 * the envelope that it answers. One that is no valid envelope is refused, and fails the attempt that
 * its token names.
 *
 * Safe to repeat: the actor drops what it knows, and what is stale.
 *
 * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, task.not_found, mailbox.full,
 *   node.draining, journal.*
 */
export async function takeReply(
  parts: ReplyDeps,
  system: string,
  value: unknown,
): Promise<string> {
  let reply: Envelope;
  try {
    reply = checkEnvelope(value);
  } catch (error) {
    await failUnread(parts, { system, body: JSON.stringify(value), error });
    throw error;
  }
  const place = await placeOf(parts, system, reply);
  const { taskId, step, attempt } = place;
  await withRemoteParent(
    reply.traceparent,
    `reply ${step.name}`,
    { "tasker.task": taskId, "tasker.attempt": attempt },
    () => record(parts, reply, place),
  );
  return dispatchId(taskId, step.name, attempt);
}

/** Takes what came over the bus. */
async function takeBody(parts: ReplyDeps, system: string, body: string): Promise<void> {
  let reply: Envelope;
  try {
    reply = parseEnvelope(body);
  } catch (error) {
    if (await failUnread(parts, { system, body, error })) return;
    throw error;
  }
  await takeReply(parts, system, reply);
}

/**
 * Fails the attempt that a reply names which is no valid envelope: left to its time-out, it would be
 * made again in vain.
 *
 * @returns false when the reply does not say clearly whom it answers
 */
async function failUnread(
  parts: ReplyDeps,
  { system, body, error }: { system: string; body: string; error: unknown },
): Promise<boolean> {
  parts.metrics.counter("tasker_replies_refused_total", "envelope_invalid").add();
  const addressee = addresseeOf(body);
  if (addressee === undefined) return false;
  const { taskId, step, attempt } = await placeOf(parts, system, addressee);
  const failure = contractFailure(`The reply cannot be taken: ${messageOf(error)}`);
  const outcome = { kind: "failed", failure, retryable: false } as const;
  await parts.sink.send({ kind: "RecordStepResult", taskId, step: step.index, attempt, outcome });
  return true;
}

async function placeOf(
  parts: ReplyDeps,
  system: string,
  reply: Addressee,
): Promise<Place> {
  const claims = demandClaims(parts, system, reply);
  const taskId = parseTaskId(claims.task);
  const plan = await parts.planOf(taskId);
  if (plan === undefined) {
    throw new TaskerError(
      "task.not_found",
      `Cannot take a reply for task "${taskId}": no such task`,
    );
  }
  const step = plan.steps[plan.indexOf.get(claims.step) ?? -1];
  if (step === undefined) throw refuse(parts, "unknown_step", `there is no step "${claims.step}"`);
  return { taskId, step, attempt: claims.attempt };
}

interface Place {
  readonly taskId: TaskId;
  readonly step: PlannedStep;
  readonly attempt: number;
}

async function record(parts: ReplyDeps, reply: Envelope, place: Place): Promise<void> {
  const { step, taskId, attempt } = place;
  const at = { taskId, step: step.index, attempt };
  switch (reply.type) {
    case STEP_PROGRESS:
      return parts.sink.record({ kind: "RecordProgress", ...at, ...progressOf(reply.data) });
    case STEP_COMPLETED: {
      const outcome = completedOutcome(step, reply.data);
      return void await parts.sink.send({ kind: "RecordStepResult", ...at, outcome });
    }
    case STEP_FAILED: {
      const outcome = failedOutcome(step, reply.data);
      return void await parts.sink.send({ kind: "RecordStepResult", ...at, outcome });
    }
    default:
      throw refuse(parts, "unknown_type", `its type "${reply.type}" is no answer to a step`);
  }
}

/** The token alone says what is answered; the attributes must not say otherwise. */
function demandClaims(parts: ReplyDeps, system: string, reply: Addressee): Claims {
  const verified = parts.tokens.verify(reply.taskerreplytoken);
  if (!verified.ok) {
    throw refuse(parts, verified.fault, `its ${verified.fault.replace("_", " is ")}`);
  }
  const { claims } = verified;
  if (claims.sys !== system) {
    throw refuse(parts, "other_system", `its token was given to system "${claims.sys}"`);
  }
  const subject = subjectOf(claims.task, claims.step);
  if (reply.subject !== subject) {
    throw refuse(parts, "other_subject", `its subject is not "${subject}", as its token says`);
  }
  return claims;
}

function refuse({ metrics }: ReplyDeps, refusal: Refusal, why: string): TaskerError {
  metrics.counter("tasker_replies_refused_total", refusal).add();
  const code = refusal === "unknown_type" ? "bus.envelope_invalid" : "bus.reply_refused";
  return new TaskerError(code, `Cannot take the reply: ${why}`);
}
