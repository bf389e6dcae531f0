/** Failures: what happened, what the system does next, and what the person can do. */

import { ClientError } from "../client.ts";
import { messageOf } from "../core/errors.ts";
import { TASKER } from "./command_text.ts";
import type { Paint } from "./paint.ts";
import { durationText } from "./reading.ts";

/** A failure, in the three parts a person needs. */
export interface Failure {
  readonly code: string;
  readonly what: string;
  readonly next: string;
  readonly action: string;
  /** Places of bad input. */
  readonly places: readonly string[];
  readonly reference?: string | undefined;
}

/** A command that cannot be carried out, found before the server was asked. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    message: string,
    readonly next: string,
    readonly action: string,
    readonly code = "command.failed",
  ) {
    super(message);
  }
}

/** What the server's own advice, written for programs, means on the command line. */
const ACTIONS: Readonly<Record<string, string>> = {
  "api.unauthorized": `set TASKER_KEY to a valid key; ${TASKER} doctor says where yours comes from`,
  "definition.unknown": `see ${TASKER} workflows for what is loaded`,
  "contract.violation": `see the contract: ${TASKER} workflows NAME`,
  "signal.not_awaited": `see the signals: ${TASKER} workflows NAME`,
  "step.not_found": `see the steps: ${TASKER} show ID`,
  "step.not_parked": `see what the step waits for: ${TASKER} show ID`,
  "task.id_invalid": `see ${TASKER} list for ids`,
  "task.not_found": `see ${TASKER} list; the key must cover the task's namespace`,
  "task.ended": `see how it ended: ${TASKER} show ID`,
  "bus.envelope_invalid": `send it anew, fixed; this one can only be discarded: ${TASKER} dead`,
  "dead_letter.not_found": `see ${TASKER} dead; it may have been replayed or discarded already`,
  "journal.conflict": "use another --key, or the same input",
  "client.unreachable":
    `start a server with \`deno task serve\`, or set TASKER_URL; ${TASKER} doctor`,
  "client.late": `look at the server's log; ${TASKER} doctor`,
};

/** Reads anything thrown as a failure. `writes`: whether the command was to change something. */
export function failureOf(thrown: unknown, writes: boolean): Failure {
  if (thrown instanceof CommandError) {
    const { message: what, code, next, action } = thrown;
    return { code, what, next, action, places: [] };
  }
  if (!(thrown instanceof ClientError)) {
    return {
      code: "command.broken",
      what: messageOf(thrown),
      next: "the command stops here; tasks are not touched by that",
      action: "report it with what you typed: this is a fault of ours",
      places: [],
    };
  }
  return {
    code: thrown.code,
    what: thrown.detail,
    next: nextOf(thrown, writes),
    action: ACTIONS[thrown.code] ?? lowered(thrown.action),
    places: thrown.faults
      .map(({ path, detail }) => path === "" ? detail : `${path}: ${detail}`)
      .filter((place) => !thrown.detail.includes(place)),
    reference: thrown.reference,
  };
}

function nextOf({ code, retry, retryAfterMs }: ClientError, writes: boolean): string {
  const isOpen = isOutcomeOpen(code);
  if (isOpen && writes) return "it is not known whether the server took it; tasks lose nothing";
  if (code === "client.unreachable") {
    return "tasks lose nothing: they wait in the journal until a server runs";
  }
  if (isOpen) return "nothing was changed";
  if (retry === "never") return "nothing was changed";
  const when = retryAfterMs === undefined ? "later" : `in ${durationText(retryAfterMs)}`;
  return `nothing was changed; the server can take it ${when}`;
}

/** Codes of the server that do not say whether the command was carried out. */
const OPEN: readonly string[] = ["journal.outcome_unknown", "api.internal"];

/** Whether a command that failed like this may have been carried out all the same. */
export function isOutcomeOpen(code: string): boolean {
  return code.startsWith("client.") || OPEN.includes(code);
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Draws a failure. */
export function failureLines(failure: Failure, paint: Paint): string[] {
  const { what, places, next, action, reference } = failure;
  return [
    `${paint("bad", "✗")} ${paint("bold", what)}`,
    ...places.map((place) => `    ${paint("plain", place)}`),
    `  ${paint("dim", "next:")}    ${paint("plain", next)}`,
    `  ${paint("dim", "you can:")} ${paint("plain", action)}`,
    ...(reference === undefined ? [] : [
      `  ${paint("dim", "in the server's log:")} ${paint("plain", reference)}`,
    ]),
  ];
}
