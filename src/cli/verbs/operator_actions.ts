/** Verbs by hand: what a person decides about a running task. */

import type { Accepted, OperatorOptions } from "../../client.ts";
import { type Call, EXIT_DONE, operand, show, type Verb } from "../verb.ts";

const HAND = { by: "TEXT", reason: "TEXT" } as const;

/** Cancels a task. */
export const cancel: Verb = {
  name: "cancel",
  operands: ["ID"],
  options: HAND,
  summary: "Cancels a task; its running steps are told",
  writes: "always",
  run: (call) => onTask(call, (id, hand) => call.client.cancel(id, hand), "is told to cancel"),
};

/** Pauses a task. */
export const pause: Verb = {
  name: "pause",
  operands: ["ID"],
  options: HAND,
  summary: "Lets no step of a task start until it is resumed",
  writes: "always",
  run: (call) => onTask(call, (id, hand) => call.client.pause(id, hand), "is paused"),
};

/** Resumes a task. */
export const resume: Verb = {
  name: "resume",
  operands: ["ID"],
  options: HAND,
  summary: "Lets a paused task go on",
  writes: "always",
  run: (call) => onTask(call, (id, hand) => call.client.resume(id, hand), "goes on"),
};

/** Tries a parked step again. */
export const retry: Verb = {
  name: "retry",
  operands: ["ID", "STEP"],
  options: HAND,
  summary: "Tries a parked step again, at once",
  writes: "always",
  run: (call) =>
    onStep(call, (id, step) => call.client.retry(id, step, operatorOf(call)), "is tried again"),
};

/** Gives a parked step its result. */
export const resolve: Verb = {
  name: "resolve",
  operands: ["ID", "STEP"],
  options: { result: "JSON", ...HAND },
  required: ["result"],
  summary: "Gives a parked step its result, checked against its contract",
  writes: "always",
  async run(call) {
    const result = await call.json("result");
    return await onStep(
      call,
      (id, step) => call.client.resolve(id, step, { ...operatorOf(call), result }),
      "is resolved",
    );
  },
};

/** Goes on without a step. */
export const skip: Verb = {
  name: "skip",
  operands: ["ID", "STEP"],
  options: { result: "JSON", ...HAND },
  summary: "Goes on without a step; a later one that needs it asks for --result",
  writes: "always",
  async run(call) {
    const result = await call.json("result");
    const given = result === undefined ? {} : { result };
    return await onStep(
      call,
      (id, step) => call.client.skip(id, step, { ...operatorOf(call), ...given }),
      "is skipped",
    );
  },
};

/** Sends a signal. */
export const signal: Verb = {
  name: "signal",
  operands: ["ID", "NAME"],
  options: { payload: "JSON" },
  summary: "Sends a signal; one that comes early is kept",
  writes: "always",
  async run(call) {
    const payload = await call.json("payload") ?? null;
    const [id, name] = [operand(call, 0), operand(call, 1)];
    const accepted = await call.client.signal(id, name, { payload, signal: call.signal });
    return tell(call, accepted, `Task ${id} has got signal ${name}`);
  },
};

function operatorOf({ options, signal }: Call): OperatorOptions {
  const [by, reason] = [options.get("by"), options.get("reason")];
  return {
    signal,
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
}

async function onTask(
  call: Call,
  act: (id: string, hand: OperatorOptions) => Promise<Accepted>,
  done: string,
): Promise<number> {
  const id = operand(call, 0);
  return tell(call, await act(id, operatorOf(call)), `Task ${id} ${done}`);
}

async function onStep(
  call: Call,
  act: (id: string, step: string) => Promise<Accepted>,
  done: string,
): Promise<number> {
  const [id, step] = [operand(call, 0), operand(call, 1)];
  return tell(call, await act(id, step), `Step ${step} of task ${id} ${done}`);
}

function tell(call: Call, accepted: Accepted, done: string): number {
  show(call, accepted, () => [
    accepted.changed ? `${done} (turn ${accepted.turn})` : `${done}; it was so already`,
  ]);
  return EXIT_DONE;
}
