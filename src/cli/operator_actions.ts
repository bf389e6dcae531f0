/** Verbs for what a person decides about a running task. */

import type { Accepted, OperatorOptions } from "../client.ts";
import type { OptionShape, VerbShape } from "./arguments.ts";
import { EXIT_DONE, operand, show, type Verb, type VerbContext } from "./verb.ts";

const OPERATOR: VerbShape["options"] = {
  by: { value: "TEXT", summary: "Who decides; the name of the key unless given" },
  reason: { value: "TEXT", summary: "Why, for the journal" },
};

/** Cancels a task. */
export const cancel: Verb = taskVerb("cancel", {
  summary: "Cancels a task; its running steps are told to stop",
  done: "is being cancelled",
});

/** Pauses a task. */
export const pause: Verb = taskVerb("pause", {
  summary: "Starts no more steps of a task until it is resumed",
  done: "is paused",
});

/** Resumes a task. */
export const resume: Verb = taskVerb("resume", {
  summary: "Lets a paused task go on",
  done: "goes on",
});

/** Tries a parked step again. */
export const retry: Verb = stepVerb("retry", {
  summary: "Tries a parked step again, at once",
  done: "is tried again",
});

/** Gives a parked step its result. */
export const resolve: Verb = stepVerb("resolve", {
  result: { value: "JSON|@file", summary: "The result of the step", isRequired: true },
  summary: "Gives a parked step its result, checked against its contract",
  done: "is resolved",
});

/** Goes on without a step. */
export const skip: Verb = stepVerb("skip", {
  result: { value: "JSON|@file", summary: "A result, where a later step needs one" },
  summary: "Goes on without a step",
  done: "is skipped",
});

/** Sends a signal. */
export const signal: Verb = {
  name: "signal",
  operands: ["ID", "NAME"],
  options: {
    payload: { value: "JSON|@file", summary: "What the signal carries; null by default" },
  },
  summary: "Sends a signal; one that comes early is kept",
  isWrite: true,
  async run(context) {
    const payload = await context.json("payload") ?? null;
    const [id, name] = [operand(context, 0), operand(context, 1)];
    const accepted = await context.client.signal(id, name, { payload, signal: context.signal });
    return report(context, accepted, `Task ${id} received signal ${name}`);
  },
};

interface ActionVerb {
  readonly summary: string;
  /** What is said when it is journaled, after the name of the task or step. */
  readonly done: string;
  /** The option for a result, where the action takes one. */
  readonly result?: OptionShape;
}

function taskVerb(name: "cancel" | "pause" | "resume", { summary, done }: ActionVerb): Verb {
  return {
    name,
    operands: ["ID"],
    options: OPERATOR,
    summary,
    isWrite: true,
    async run(context) {
      const id = operand(context, 0);
      const accepted = await context.client[name](id, operatorOf(context));
      return report(context, accepted, `Task ${id} ${done}`);
    },
  };
}

function stepVerb(
  name: "retry" | "resolve" | "skip",
  { summary, done, result }: ActionVerb,
): Verb {
  return {
    name,
    operands: ["ID", "STEP"],
    options: { ...(result === undefined ? {} : { result }), ...OPERATOR },
    summary,
    isWrite: true,
    async run(context) {
      const [id, step] = [operand(context, 0), operand(context, 1)];
      const given = await context.json("result");
      const options = { ...operatorOf(context), ...(given === undefined ? {} : { result: given }) };
      const accepted = await context.client[name](id, step, { result: undefined, ...options });
      return report(context, accepted, `Step ${step} of task ${id} ${done}`);
    },
  };
}

function operatorOf({ options, signal }: VerbContext): OperatorOptions {
  const [by, reason] = [options.get("by"), options.get("reason")];
  return {
    signal,
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function report(context: VerbContext, accepted: Accepted, done: string): number {
  show(context, accepted, () => [
    accepted.changed ? `${done} (turn ${accepted.turn})` : `${done}; it was so already`,
  ]);
  return EXIT_DONE;
}
