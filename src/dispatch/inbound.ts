/** Inbound: requests of other systems: to start, signal or cancel a task, and to register. */

import type { z } from "zod";
import { commandChannel, inboundChannel } from "../core/channels.ts";
import type { Answer, Command } from "../core/command.ts";
import { describeFaults, faultsOf } from "../core/faults.ts";
import {
  type Envelope,
  ENVELOPE_TEXT_LENGTH_MAX,
  parseEnvelope,
  SYSTEM_ACCEPTED,
  SYSTEM_GOODBYE,
  SYSTEM_HELLO,
  SYSTEM_REJECTED,
  TASK_ACCEPTED,
  TASK_CANCEL,
  TASK_REJECTED,
  TASK_SIGNAL,
  TASK_START,
} from "../core/envelope.ts";
import { SignalData } from "../core/envelope_data.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { parseTaskId, type TaskId } from "../core/ids.ts";
import { encodePayload, REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { Bus, Delivery, Handled, Registrar, Runtime, Starter } from "../core/ports.ts";
import { Goodbye, Hello } from "../core/system.ts";
import { namespaceOf } from "../core/workflow.ts";
import { OperatorBody, StartBody } from "../operations/tasks.ts";
import { isTraceparent } from "../telemetry/trace.ts";
import {
  consumeChannels,
  type ConsumptionDeps,
  type EndConsumption,
  type FindPlan,
} from "./consumption.ts";
import type { DeadLetterStore } from "./dead_letter_store.ts";
import { RateLimit } from "./rate_limit.ts";

/** Requests of one system that are in flight at once. */
const INBOUND_IN_FLIGHT_MAX = 64;

/** What one system may ask of one node; what is beyond it waits in the broker. */
export const INBOUND_RATE = { perSecond: 1_000, lengthPerSecond: 8 * 1024 * 1024 };
/** What an answer says. */
type Data = Readonly<Record<string, string>>;

/** Characters of a refusal that are sent: it may list every wrong field of a request. */
const DETAIL_LENGTH_MAX = 2_000;

/** What serving inbound channels needs. */
interface InboundDeps extends ConsumptionDeps {
  readonly bus: Pick<Bus, "consume" | "publish">;
  readonly starter: Starter;
  readonly sink: { send(command: Command): Promise<Answer> };
  readonly deadLetters: DeadLetterStore;
  readonly registrar: Pick<Registrar, "register" | "leave">;
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
 * A system that asks more than INBOUND_RATE is read more slowly: its requests wait, and none is dropped.
 *
 * The same `(system, source, id)` is the same request: it is carried out once, and answered alike each
 * time.
 */
export function openInbound(deps: InboundDeps, systems: readonly string[]): EndConsumption {
  const ending = new AbortController();
  const channels = systems.map((system) => {
    const channel = inboundChannel(deps.prefix, system);
    const rate = new RateLimit(deps.runtime, INBOUND_RATE);
    return {
      channel,
      inFlightMax: INBOUND_IN_FLIGHT_MAX,
      async handle({ body }: Delivery) {
        // Until then it fills a place, so that a channel with too many requests is read more slowly.
        await rate.pass(body.length, ending.signal);
        if (ending.signal.aborted) return { kind: "retry", afterMs: 0 } as const;
        return await serve(deps, { system, envelope: parseEnvelope(body) });
      },
      deadLetter: (delivery: Delivery, error: unknown) =>
        deps.deadLetters.keep({
          ...delivery,
          system,
          channel,
          kind: "inbound",
          reason: messageOf(error),
        }),
    };
  });
  const end = consumeChannels(deps, channels);
  return async () => {
    ending.abort();
    await end();
  };
}

async function serve(deps: InboundDeps, request: Request): Promise<Handled> {
  let data: Data;
  try {
    data = await carryOut(deps, request);
  } catch (error) {
    return await reject(deps, request, error);
  }
  const type = isOfSystem(request) ? SYSTEM_ACCEPTED : TASK_ACCEPTED;
  await answer(deps, request, { type, verdict: "accepted", data });
  return { kind: "ack" };
}

/** Answers with the refusal where an answer was asked for; else the request becomes a dead letter. */
async function reject(deps: InboundDeps, request: Request, error: unknown): Promise<Handled> {
  if (!(error instanceof TaskerError) || error.retry !== "never") throw error;
  const data = {
    code: error.code,
    detail: error.message.slice(0, DETAIL_LENGTH_MAX).toWellFormed(),
  };
  const type = isOfSystem(request) ? SYSTEM_REJECTED : TASK_REJECTED;
  const isAnswered = await answer(deps, request, { type, verdict: "rejected", data });
  if (!isAnswered || error.code === "bus.envelope_invalid") throw error;
  return { kind: "ack" };
}

/** A channel speaks for one system: what names another source came here by mistake, or by force. */
function demandSource({ system, envelope: { source } }: Request): void {
  if (source === `/${system}` || source.startsWith(`/${system}/`)) return;
  throw invalid(`its source "${source}" is not "/${system}", whose channel this is`);
}

function isOfSystem({ envelope: { type } }: Request): boolean {
  return type === SYSTEM_HELLO || type === SYSTEM_GOODBYE;
}

/** What a request may ask. */
const REQUEST_TYPES = [TASK_START, TASK_SIGNAL, TASK_CANCEL, SYSTEM_HELLO, SYSTEM_GOODBYE] as const;

async function carryOut(deps: InboundDeps, request: Request): Promise<Data> {
  demandSource(request);
  switch (request.envelope.type) {
    case TASK_START:
      return taskOf(await start(deps, request));
    case TASK_SIGNAL:
      return taskOf(await signal(deps, request));
    case TASK_CANCEL:
      return taskOf(await cancel(deps, request));
    case SYSTEM_HELLO:
      return await hello(deps, request);
    case SYSTEM_GOODBYE:
      return await goodbye(deps, request);
    default:
      throw invalid(
        `its type "${request.envelope.type}" is none of a request: ${REQUEST_TYPES.join(", ")}`,
      );
  }
}

function taskOf({ taskId }: Answer): Data {
  return { taskId };
}

/**
 * A hello that has expired says nothing about now: it waited in the channel. Whose steps an instance may
 * get by capability alone is for a key to say, over HTTP: a hello leaves that as it is.
 */
async function hello({ registrar, runtime }: InboundDeps, request: Request): Promise<Data> {
  const { system, envelope } = request;
  const { health_url: healthUrl, lease_ms: leaseMs, ...rest } = read(Hello, envelope);
  const { instance } = rest;
  if (Date.parse(envelope.expirytime ?? "") < runtime.now()) return { instance };
  await registrar.register({
    ...rest,
    system,
    leaseMs,
    ...(healthUrl !== undefined && { healthUrl }),
  });
  return { instance };
}

async function goodbye({ registrar }: InboundDeps, request: Request): Promise<Data> {
  const { instance } = read(Goodbye, request.envelope);
  await registrar.leave(request.system, instance);
  return { instance };
}

async function start(deps: InboundDeps, request: Request): Promise<Answer> {
  const { system, envelope } = request;
  const data = read(StartBody, envelope);
  const namespace = namespaceOf(data.workflow);
  if (!deps.mayStart(system, namespace)) {
    throw new TaskerError(
      "api.forbidden",
      `Cannot start workflow "${data.workflow}": system "${system}" may not use its namespace`,
    );
  }
  const { traceparent } = envelope;
  return await deps.starter.start({
    workflow: data.workflow,
    input: data.input,
    tags: data.tags,
    key: commandIdOf(request),
    commandId: commandIdOf(request),
    ...(data.version !== undefined && { version: data.version }),
    ...(data.deadlineMs !== undefined && { deadlineMs: data.deadlineMs }),
    ...(data.priority !== undefined && { priority: data.priority }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { traceparent }),
  });
}

async function signal(deps: InboundDeps, request: Request): Promise<Answer> {
  const { name, payload } = read(SignalData, request.envelope);
  return await deps.sink.send({
    kind: "SendSignal",
    taskId: await demandTask(deps, request),
    commandId: commandIdOf(request),
    name,
    payload: encodePayload(payload, `the payload of signal "${name}"`, REMOTE_PAYLOAD_SIZE_MAX),
  });
}

async function cancel(deps: InboundDeps, request: Request): Promise<Answer> {
  const { by, reason } = read(OperatorBody, request.envelope);
  return await deps.sink.send({
    kind: "CancelTask",
    taskId: await demandTask(deps, request),
    commandId: commandIdOf(request),
    by: by === undefined ? request.system : `${by} (${request.system})`,
    reason,
  });
}

/** For a system, a task of a namespace that it may not use does not exist. */
async function demandTask(deps: InboundDeps, request: Request): Promise<TaskId> {
  const { system, envelope: { subject, type } } = request;
  if (subject === undefined) throw invalid(`"${type}" needs a task id as its subject`);
  const taskId = parseTaskId(subject);
  const plan = await deps.planOf(taskId);
  if (plan === undefined || !deps.mayStart(system, plan.definition.namespace)) {
    throw new TaskerError(
      "task.not_found",
      `Cannot take "${type}" for task "${taskId}": no such task`,
    );
  }
  return taskId;
}

/**
 * Answers into the command channel of the system that asked, if the request names it; never elsewhere.
 *
 * @returns whether it was answered
 * @throws {TaskerError} bus.unavailable: the request has to be delivered again
 */
async function answer(
  { bus, prefix, deployment, runtime }: InboundDeps,
  { system, envelope }: Request,
  { type, verdict, data }: { type: string; verdict: "accepted" | "rejected"; data: Data },
): Promise<boolean> {
  const channel = commandChannel(prefix, system);
  if (envelope.taskerreplyto !== channel) return false;
  await bus.publish(channel, [{
    specversion: "1.0",
    id: answerId(runtime, envelope.id, verdict),
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

/** The same for the same request. A long id is hashed, so that there is room for the suffix. */
function answerId(runtime: Pick<Runtime, "digest">, id: string, suffix: string): string {
  const full = `${id}:${suffix}`;
  return full.length <= ENVELOPE_TEXT_LENGTH_MAX ? full : `${runtime.digest(id)}:${suffix}`;
}

/** Unique for system, source and id: the name of a system holds no colon. */
function commandIdOf({ system, envelope: { source, id } }: Request): string {
  return `ce:${system}:${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
}

function read<T>(schema: z.ZodType<T>, { data, type }: Envelope): T {
  const parsed = schema.safeParse(data ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(`the data of "${type}" is not valid: ${describeFaults(faultsOf(parsed.error))}`);
}

function invalid(why: string): TaskerError {
  return new TaskerError("bus.envelope_invalid", `Cannot take the request: ${why}`);
}
