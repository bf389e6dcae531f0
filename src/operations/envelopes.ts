/** Envelopes: what travels between the engine and other systems, with a JSON Schema for each type. */

import { z } from "zod";
import {
  Envelope,
  STEP_CANCELLED,
  STEP_COMPLETED,
  STEP_FAILED,
  STEP_PROGRESS,
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
import { FailureData, ProgressData, SignalData } from "../core/envelope_data.ts";
import { InstanceName } from "../core/fields.ts";
import { Goodbye, Hello } from "../core/system.ts";
import { JSON_SCHEMA } from "./operation.ts";
import { OperatorBody, StartBody } from "./tasks.ts";

/**
 * One type of envelope.
 *
 * Shape: `channel` is the word in the name of the channel that carries it, `<prefix>.<word>.<system>`;
 * `schema` says what a receiver may rely on, and what a sender has to give.
 */
export interface EnvelopeType {
  readonly channel: "cmd" | "reply" | "in";
  readonly summary: string;
  readonly schema: z.ZodObject;
}

/** What every envelope about a step says. */
const STEP = { subject: Envelope.shape.subject.unwrap() };

/** What the engine says in all that it sends about a step. */
const SENT = {
  ...STEP,
  time: Envelope.shape.time.unwrap(),
  correlationid: Envelope.shape.correlationid.unwrap(),
};

/** What a reply has to say. */
const REPLY = { ...STEP, taskerreplytoken: Envelope.shape.taskerreplytoken.unwrap() };

/** What an answer to a request says. */
const ANSWER = {
  time: Envelope.shape.time.unwrap(),
  correlationid: Envelope.shape.correlationid.unwrap(),
  causationid: Envelope.shape.causationid.unwrap(),
};

/** Why a request was refused. */
const REFUSAL = z.object({
  code: z.string().describe("One of docs/errors.md"),
  detail: z.string().describe("One sentence for people"),
});

/** Every type of envelope, by its name in schemas. */
export const ENVELOPES = {
  StepCommand: {
    channel: "cmd",
    summary: "Asks a system for one attempt of a step; its type is the step's event",
    schema: Envelope.extend({
      ...SENT,
      taskerattempt: Envelope.shape.taskerattempt.unwrap(),
      taskerreplyto: Envelope.shape.taskerreplyto.unwrap(),
      taskerreplytoken: Envelope.shape.taskerreplytoken.unwrap(),
      data: z.unknown().nonoptional().describe("The input of the step, by its contract"),
    }),
  },
  StepCancelled: {
    channel: "cmd",
    summary: "Says that a step is no longer wanted; it has no token and gets no answer",
    schema: Envelope.extend({ ...SENT, type: z.literal(STEP_CANCELLED) }),
  },
  StepCompleted: {
    channel: "reply",
    summary: "Answers a command with the result of the step",
    schema: Envelope.extend({
      ...REPLY,
      type: z.literal(STEP_COMPLETED),
      data: z.unknown().optional().describe("The result of the step, by its contract"),
    }),
  },
  StepFailed: {
    channel: "reply",
    summary: "Answers a command with a failure",
    schema: Envelope.extend({ ...REPLY, type: z.literal(STEP_FAILED), data: FailureData }),
  },
  StepProgress: {
    channel: "reply",
    summary: "A sign of life of a step that is still being worked on",
    schema: Envelope.extend({
      ...REPLY,
      type: z.literal(STEP_PROGRESS),
      data: ProgressData.optional(),
    }),
  },
  TaskStart: {
    channel: "in",
    summary: "Asks the engine to start a task",
    schema: Envelope.extend({ type: z.literal(TASK_START), data: StartBody }),
  },
  TaskSignal: {
    channel: "in",
    summary: "Asks the engine to give a task a signal that it waits for",
    schema: Envelope.extend({
      type: z.literal(TASK_SIGNAL),
      subject: Envelope.shape.subject.unwrap().describe("The id of the task"),
      data: SignalData,
    }),
  },
  TaskCancel: {
    channel: "in",
    summary: "Asks the engine to cancel a task",
    schema: Envelope.extend({
      type: z.literal(TASK_CANCEL),
      subject: Envelope.shape.subject.unwrap().describe("The id of the task"),
      data: OperatorBody.optional(),
    }),
  },
  TaskAccepted: {
    channel: "cmd",
    summary: "Answers a request that was carried out, now or before",
    schema: Envelope.extend({
      ...ANSWER,
      type: z.literal(TASK_ACCEPTED),
      data: z.object({ taskId: z.string().describe("The id of the task") }),
    }),
  },
  TaskRejected: {
    channel: "cmd",
    summary: "Answers a request that will never be carried out",
    schema: Envelope.extend({
      ...ANSWER,
      type: z.literal(TASK_REJECTED),
      data: REFUSAL,
    }),
  },
  SystemHello: {
    channel: "in",
    summary: "Says that an instance of a system is there, and what it can do",
    schema: Envelope.extend({ type: z.literal(SYSTEM_HELLO), data: Hello }),
  },
  SystemGoodbye: {
    channel: "in",
    summary: "Says that an instance of a system has ended",
    schema: Envelope.extend({ type: z.literal(SYSTEM_GOODBYE), data: Goodbye }),
  },
  SystemAccepted: {
    channel: "cmd",
    summary: "Answers a hello or a goodbye that was taken",
    schema: Envelope.extend({
      ...ANSWER,
      type: z.literal(SYSTEM_ACCEPTED),
      data: z.object({ instance: InstanceName }),
    }),
  },
  SystemRejected: {
    channel: "cmd",
    summary: "Answers a hello or a goodbye that will never be taken",
    schema: Envelope.extend({
      ...ANSWER,
      type: z.literal(SYSTEM_REJECTED),
      data: REFUSAL,
    }),
  },
} as const satisfies Readonly<Record<string, EnvelopeType>>;

/** Returns the JSON Schema (draft 2020-12) of a type of envelope. */
export function envelopeSchemaOf(name: keyof typeof ENVELOPES): Readonly<Record<string, unknown>> {
  const { schema, summary } = ENVELOPES[name];
  return { ...z.toJSONSchema(schema, JSON_SCHEMA), title: name, description: summary };
}
