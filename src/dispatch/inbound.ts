/** Inbound: what other systems ask by themselves: to start, signal or cancel a task. */

import { z } from "zod";
import { commandChannel, inboundChannel } from "../core/channels.ts";
import type { Answer, Command } from "../core/command.ts";
import { describeFaults, faultsOf } from "../core/contract.ts";
import {
  type Envelope,
  parseEnvelope,
  TASK_CANCEL,
  TASK_SIGNAL,
  TASK_START,
} from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { Name } from "../core/fields.ts";
import { parseTaskId, type TaskId } from "../core/ids.ts";
import { encodePayload, REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { Bus, Delivery, Handled, Runtime, Starter } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import { OperatorBody, StartBody } from "../operations/tasks.ts";
import { isTraceparent } from "../telemetry/trace.ts";
import { consumeChannels, type ConsumptionDeps, type EndConsumption } from "./consumption.ts";
import type { DeadLetterStore } from "./dead_letter_store.ts";
import type { FindPlan } from "./task_plans.ts";

/** Requests of one system that are in hand at once. */
export const INBOUND_IN_FLIGHT_MAX = 64;

/** Types of the answers. */
export const TASK_ACCEPTED = "tasker.task.accepted";
export const TASK_REJECTED = "tasker.task.rejected";

/** Characters told of a refusal: it may name every wrong place of a request. */
const DETAIL_LENGTH_MAX = 2_000;

/** Characters of an envelope's id. */
const ID_LENGTH_MAX = 512;

const SignalData = z.strictObject({
  name: Name,
  payload: z.unknown().optional(),
});

/** What serving inbound channels needs. */
export interface InboundDeps extends ConsumptionDeps {
  readonly bus: Pick<Bus, "consume" | "publish">;
  readonly starter: Starter;
  readonly sink: { send(command: Command): Promise<Answer> };
  readonly office: DeadLetterStore;
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** Names this installation in `source`. */
  readonly deployment: string;
  planOf: FindPlan;
  /** Whether a system may start, signal and cancel tasks of a namespace. */
  mayStart(system: string, namespace: string): boolean;
}

interface Request {
  readonly system: string;
  readonly envelope: Envelope;
}

/**
 * Consumes the inbound channels of systems until the result is called.
 *
 * The same `(system, source, id)` is the same request: it is obeyed once, and answered each time alike.
 */
export function openInbound(parts: InboundDeps, systems: readonly string[]): EndConsumption {
  const channels = systems.map((system) => {
    const channel = inboundChannel(parts.prefix, system);
    return {
      channel,
      inFlightMax: INBOUND_IN_FLIGHT_MAX,
      handle: ({ body }: Delivery) => serve(parts, { system, envelope: parseEnvelope(body) }),
      deadLetter: ({ body }: Delivery, error: unknown) =>
        parts.office.keep({ system, channel, body, word: "inbound", reason: messageOf(error) }),
    };
  });
  return consumeChannels(parts, channels);
}

async function serve(parts: InboundDeps, request: Request): Promise<Handled> {
  let accepted: Answer;
  try {
    accepted = await obey(parts, request);
  } catch (error) {
    return await reject(parts, request, error);
  }
  await answer(parts, request, { type: TASK_ACCEPTED, data: { taskId: accepted.taskId } });
  return { kind: "ack" };
}

/** Who asked for an answer is told of a refusal; else, and if it was no request, it is put aside. */
async function reject(parts: InboundDeps, request: Request, error: unknown): Promise<Handled> {
  if (!(error instanceof TaskerError) || error.retry !== "never") throw error;
  const data = {
    code: error.code,
    detail: error.message.slice(0, DETAIL_LENGTH_MAX).toWellFormed(),
  };
  const isTold = await answer(parts, request, { type: TASK_REJECTED, data });
  if (!isTold || error.code === "bus.envelope_invalid") throw error;
  return { kind: "ack" };
}

function obey(parts: InboundDeps, request: Request): Promise<Answer> {
  switch (request.envelope.type) {
    case TASK_START:
      return start(parts, request);
    case TASK_SIGNAL:
      return signal(parts, request);
    case TASK_CANCEL:
      return cancel(parts, request);
    default:
      throw invalid(`its type "${request.envelope.type}" is no request`);
  }
}

async function start(parts: InboundDeps, request: Request): Promise<Answer> {
  const { system, envelope } = request;
  const data = read(StartBody, envelope);
  const namespace = namespaceOf(data.workflow);
  if (!parts.mayStart(system, namespace)) {
    throw new TaskerError(
      "api.forbidden",
      `Cannot start workflow "${data.workflow}": system "${system}" may not use its namespace`,
    );
  }
  const { traceparent } = envelope;
  return await parts.starter.start({
    workflow: data.workflow,
    input: data.input,
    tags: data.tags,
    key: commandIdOf(request),
    commandId: commandIdOf(request),
    ...(data.version !== undefined && { version: data.version }),
    ...(data.deadlineMs !== undefined && { deadlineMs: data.deadlineMs }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { traceparent }),
  });
}

async function signal(parts: InboundDeps, request: Request): Promise<Answer> {
  const { name, payload } = read(SignalData, request.envelope);
  return await parts.sink.send({
    kind: "SendSignal",
    taskId: await demandTask(parts, request),
    commandId: commandIdOf(request),
    name,
    payload: encodePayload(payload, `the payload of signal "${name}"`, REMOTE_PAYLOAD_SIZE_MAX),
  });
}

async function cancel(parts: InboundDeps, request: Request): Promise<Answer> {
  const { by, reason } = read(OperatorBody, request.envelope);
  return await parts.sink.send({
    kind: "CancelTask",
    taskId: await demandTask(parts, request),
    commandId: commandIdOf(request),
    by: by === undefined ? request.system : `${by} (${request.system})`,
    reason,
  });
}

/** A task of a namespace that the system may not use does not exist for it. */
async function demandTask(parts: InboundDeps, request: Request): Promise<TaskId> {
  const { system, envelope: { subject, type } } = request;
  if (subject === undefined) throw invalid(`"${type}" needs a task id as its subject`);
  const taskId = parseTaskId(subject);
  const plan = await parts.planOf(taskId);
  if (plan === undefined || !parts.mayStart(system, plan.definition.namespace)) {
    throw new TaskerError(
      "task.not_found",
      `Cannot take "${type}" for task "${taskId}": no such task`,
    );
  }
  return taskId;
}

/**
 * Answers into the command channel of the system that asked, if it named that; never elsewhere.
 *
 * @returns whether it was answered
 * @throws {TaskerError} bus.unavailable: the request has to come again
 */
async function answer(
  { bus, prefix, deployment, runtime }: InboundDeps,
  { system, envelope }: Request,
  { type, data }: { type: string; data: Readonly<Record<string, string>> },
): Promise<boolean> {
  const channel = commandChannel(prefix, system);
  if (envelope.taskerreplyto !== channel) return false;
  await bus.publish(channel, [{
    specversion: "1.0",
    id: answerId(runtime, envelope.id, type === TASK_ACCEPTED ? "accepted" : "rejected"),
    source: `/tasker/${deployment}`,
    type,
    ...(envelope.subject !== undefined && { subject: envelope.subject }),
    time: new Date(runtime.now()).toISOString(),
    correlationid: envelope.correlationid ?? envelope.id,
    causationid: envelope.id,
    datacontenttype: "application/json",
    data,
  }]);
  return true;
}

/** The same for the same request; of a hash where the request's id leaves no room for a word. */
function answerId(runtime: Pick<Runtime, "digest">, id: string, word: string): string {
  const full = `${id}:${word}`;
  return full.length <= ID_LENGTH_MAX ? full : `${runtime.digest(id)}:${word}`;
}

/** Of two systems, sources or ids no two are written alike: a system's name has no colon. */
function commandIdOf({ system, envelope: { source, id } }: Request): string {
  return `ce:${system}:${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
}

function read<T>(schema: z.ZodType<T>, { data, type }: Envelope): T {
  const parsed = schema.safeParse(data ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(`the data of "${type}" is wrong: ${describeFaults(faultsOf(parsed.error))}`);
}

function invalid(why: string): TaskerError {
  return new TaskerError("bus.envelope_invalid", `Cannot take the request: ${why}`);
}
