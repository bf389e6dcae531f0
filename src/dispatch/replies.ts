/** Replies: answers of other systems become commands, if their tokens allow it. */

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
import { InstanceName } from "../core/fields.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { Delivery } from "../core/ports.ts";
import { withRemoteParent } from "../telemetry/trace.ts";
import { contractFailure } from "./failures.ts";
import {
  consumeChannels,
  type ConsumptionDeps,
  type EndConsumption,
  type FindPlan,
} from "./consumption.ts";
import type { DeadLetterStore } from "./dead_letter_store.ts";
import { completedOutcome, failedOutcome, progressOf } from "./reply_outcome.ts";
import {
  type Addressee,
  addresseeOf,
  type Claims,
  type ReplyTokens,
  type TokenFault,
} from "./reply_token.ts";
import { subjectOf } from "./step_command.ts";

/** Replies of one system that are in flight at once; their commits share flushes. */
const REPLIES_IN_FLIGHT_MAX = 256;

/** Takes commands: `send` resolves once the command is committed, `record` answers nothing. */
export interface ReplySink {
  send(command: Command): Promise<Answer>;
  record(command: Command): void;
}

/** What taking replies needs. */
export interface ReplyDeps extends ConsumptionDeps {
  readonly tokens: ReplyTokens;
  readonly sink: ReplySink;
  readonly deadLetters: DeadLetterStore;
  /** Begins the name of every channel. */
  readonly prefix: string;
  planOf: FindPlan;
}

/** Why a reply is refused; also the label of the metric. */
type Refusal = TokenFault | "other_system" | "other_subject" | "unknown_type" | "unknown_step";

/**
 * Consumes the reply channels of systems until the result is called.
 *
 * A reply is acknowledged only when its command is committed. One that is not a valid envelope fails
 * the attempt that its token names; one that can never be taken becomes a dead letter.
 */
export function openReplies(deps: ReplyDeps, systems: readonly string[]): EndConsumption {
  const channels = systems.map((system) => {
    const channel = replyChannel(deps.prefix, system);
    return {
      channel,
      inFlightMax: REPLIES_IN_FLIGHT_MAX,
      async handle({ body }: { body: string }) {
        await takeBody(deps, system, body);
        return { kind: "ack" } as const;
      },
      deadLetter: (delivery: Delivery, error: unknown) =>
        deps.deadLetters.keep({
          ...delivery,
          system,
          channel,
          kind: "reply",
          reason: messageOf(error),
        }),
    };
  });
  return consumeChannels(deps, channels);
}

/**
 * Takes one reply of a system that came over HTTP; resolves when it is committed, with the id of the
 * envelope that it answers. One that is not a valid envelope is refused, and fails the attempt that
 * its token names. `instance`: who was given the command, unless the reply says who answers.
 *
 * Safe to repeat: the actor drops what it knows, and what is stale.
 *
 * @throws {TaskerError} bus.reply_refused, bus.envelope_invalid, task.not_found, mailbox.full,
 *   node.draining, journal.*
 */
export async function takeReply(
  deps: ReplyDeps,
  system: string,
  value: unknown,
  instance?: string,
): Promise<string> {
  let reply: Envelope;
  try {
    reply = checkEnvelope(value);
  } catch (error) {
    await failUnread(deps, { system, body: JSON.stringify(value), error });
    throw error;
  }
  // What the reply itself says is nearer to the truth than who was given the command.
  return await takeEnvelope(deps, system, { taskerinstance: instance, ...reply });
}

/** Takes what was checked; once is enough, as that is a tenth of what a reply costs. */
async function takeEnvelope(deps: ReplyDeps, system: string, reply: Envelope): Promise<string> {
  const target = await targetOf(deps, system, reply);
  const { taskId, step, attempt } = target;
  await withRemoteParent(
    reply.traceparent,
    `reply ${step.name}`,
    { "tasker.task": taskId, "tasker.attempt": attempt },
    () => record(deps, reply, target),
  );
  return dispatchId(taskId, step.name, attempt);
}

/** Takes what came over the bus. */
async function takeBody(deps: ReplyDeps, system: string, body: string): Promise<void> {
  let reply: Envelope;
  try {
    reply = parseEnvelope(body);
  } catch (error) {
    if (await failUnread(deps, { system, body, error })) return;
    throw error;
  }
  await takeEnvelope(deps, system, reply);
}

/**
 * Fails the attempt that an invalid envelope answers: after its time-out, it would be retried in vain.
 *
 * @returns false when it is not clear which attempt the reply answers
 */
async function failUnread(
  deps: ReplyDeps,
  { system, body, error }: { system: string; body: string; error: unknown },
): Promise<boolean> {
  deps.metrics.counter("tasker_replies_refused_total", "envelope_invalid").add();
  const addressee = addresseeOf(body);
  if (addressee === undefined) return false;
  const { taskId, step, attempt } = await targetOf(deps, system, addressee);
  const failure = contractFailure(`The reply cannot be taken: ${messageOf(error)}`);
  const outcome = { kind: "failed", failure, retryable: false } as const;
  await deps.sink.send({ kind: "RecordStepResult", taskId, step: step.index, attempt, outcome });
  return true;
}

/**
 * Finds the attempt that a token names, for a system that has it.
 *
 * @throws {TaskerError} bus.reply_refused, task.not_found, journal.unavailable
 */
export async function targetOf(
  deps: Pick<ReplyDeps, "tokens" | "metrics" | "planOf">,
  system: string,
  reply: Addressee,
): Promise<ReplyTarget> {
  const claims = demandClaims(deps, system, reply);
  const taskId = parseTaskId(claims.task);
  const plan = await deps.planOf(taskId);
  if (plan === undefined) {
    throw new TaskerError(
      "task.not_found",
      `Cannot take a reply for task "${taskId}": no such task`,
    );
  }
  const step = plan.steps[plan.indexOf.get(claims.step) ?? -1];
  if (step === undefined) throw refusal(deps, "unknown_step", `there is no step "${claims.step}"`);
  return { taskId, step, attempt: claims.attempt };
}

interface ReplyTarget {
  readonly taskId: TaskId;
  readonly step: PlannedStep;
  readonly attempt: number;
}

async function record(deps: ReplyDeps, reply: Envelope, target: ReplyTarget): Promise<void> {
  const { step, taskId, attempt } = target;
  const at = { taskId, step: step.index, attempt };
  // A name that no instance can have says nothing.
  const { data: instance } = InstanceName.safeParse(reply.taskerinstance);
  const by = instance === undefined ? {} : { instance };
  switch (reply.type) {
    case STEP_PROGRESS:
      return deps.sink.record({ kind: "RecordProgress", ...at, ...progressOf(reply.data) });
    case STEP_COMPLETED: {
      const outcome = completedOutcome(step, reply.data);
      return void await deps.sink.send({ kind: "RecordStepResult", ...at, outcome, ...by });
    }
    case STEP_FAILED: {
      const outcome = failedOutcome(step, reply.data);
      return void await deps.sink.send({ kind: "RecordStepResult", ...at, outcome, ...by });
    }
    default:
      throw refusal(deps, "unknown_type", `its type "${reply.type}" does not answer a step`);
  }
}

/** What is said of a token that is not accepted. */
const TOKEN_FAULTS: Readonly<Record<TokenFault, (kid?: string) => string>> = {
  token_missing: () => 'it has no token: copy "taskerreplytoken" from the command',
  token_malformed: () => "its token is not of the form that commands carry",
  token_key_unknown: (kid = "") =>
    `its token was signed by key "${kid.slice(0, KID_SHOWN_MAX)}", which this server does not have`,
  token_forged: () => "its token is forged: the signature is not of the key that it names",
  token_expired: () => "its token has expired",
};

/** Characters shown of the name of a key, which anybody may have written. */
const KID_SHOWN_MAX = 64;

/** The token alone decides what is answered; the attributes must not contradict it. */
function demandClaims(
  deps: Pick<ReplyDeps, "tokens" | "metrics">,
  system: string,
  reply: Addressee,
): Claims {
  const verified = deps.tokens.verify(reply.taskerreplytoken);
  if (!verified.ok) {
    throw refusal(deps, verified.fault, TOKEN_FAULTS[verified.fault](verified.kid));
  }
  const { claims } = verified;
  if (claims.sys !== system) {
    throw refusal(deps, "other_system", `its token was given to system "${claims.sys}"`);
  }
  const subject = subjectOf(claims.task, claims.step);
  if (reply.subject !== subject) {
    throw refusal(deps, "other_subject", `its subject is not "${subject}", as its token says`);
  }
  return claims;
}

function refusal({ metrics }: Pick<ReplyDeps, "metrics">, kind: Refusal, why: string): TaskerError {
  metrics.counter("tasker_replies_refused_total", kind).add();
  const code = kind === "unknown_type" ? "bus.envelope_invalid" : "bus.reply_refused";
  return new TaskerError(code, `Cannot take the reply: ${why}`);
}
