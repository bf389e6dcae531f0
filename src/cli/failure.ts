/** Failures: what happened, what came of it, and what the person can do. */

import { ClientError } from "../client.ts";
import { messageOf } from "../core/errors.ts";
import { durationText, type Paint } from "./format.ts";
import { asTyped, TASKER } from "./verb.ts";

/** A failed command, in the three parts a person needs. */
export interface CommandFailure {
  readonly code: string;
  readonly what: string;
  /** What came of the command, and what becomes of tasks. */
  readonly result: string;
  readonly action: string;
  /** Which parts of the input are wrong, and why. */
  readonly places: readonly string[];
  readonly reference?: string | undefined;
}

/** A command that cannot be carried out, found before the server was asked. Exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    message: string,
    readonly result: string,
    readonly action: string,
    readonly code = "command.failed",
  ) {
    super(message);
  }
}

/** What was typed, as far as a failure can name it. */
export interface Typed {
  /** The verb's name; absent when none was found. */
  readonly verb?: string | undefined;
  /** Whether the command changes something. */
  readonly isWrite: boolean;
  /** Operands by their names in the usage: `ID`, `INCIDENT`, `WORKFLOW`. */
  readonly names: Readonly<Record<string, string>>;
}

/** Verbs that look a version up among what was deployed as documents. */
const OF_DEPLOYED: readonly string[] = ["workflows revert", "workflows source"];

type Advice = (
  names: Partial<Typed["names"]>,
  verb: string,
  detail: string,
) => string | undefined;

/** What a person can do, by code. Undefined: the server's own advice fits, or no id is known. */
const ACTIONS: Readonly<Record<string, Advice>> = {
  "api.bad_request": () => "correct what is named above, then run the command again",
  "api.unauthorized": () =>
    `set TASKER_KEY to a valid key; ${TASKER} doctor shows where the current one comes from`,
  "definition.unknown": ({ WORKFLOW }, verb, detail) =>
    detail.includes("no such version")
      ? "give --version one of these, or leave it out for the one that starts take"
      : WORKFLOW !== undefined && OF_DEPLOYED.includes(verb)
      ? `run ${TASKER} workflows history ${WORKFLOW} to see which versions were deployed`
      : `run ${TASKER} workflows to see which workflows are loaded`,
  "contract.violation": ({ WORKFLOW, ID }) =>
    WORKFLOW === undefined
      ? ID && `run ${TASKER} show ${ID} for the workflow, and ${TASKER} workflows for its contracts`
      : `run ${TASKER} workflows ${WORKFLOW} to see the contract`,
  "policy.invalid": () => "correct what is named above, then run the command again",
  "key.not_found": () => `run ${TASKER} keys; only keys with the rights of yours are listed`,
  "signal.not_awaited": ({ ID }) => ID && `run ${TASKER} show ${ID} to see its signals`,
  "step.not_found": ({ ID }) => ID && `run ${TASKER} show ${ID} to see its steps`,
  "step.not_parked": ({ ID }) => ID && `run ${TASKER} show ${ID} to see what the step waits for`,
  "task.id_invalid": () => `run ${TASKER} list to see task ids`,
  "task.not_found": ({ INCIDENT }) =>
    INCIDENT === undefined
      ? `run ${TASKER} list; the key must cover the namespace of the task`
      : `run ${TASKER} incidents; the key must cover the namespace of the workflow`,
  "proposal.not_open": ({ INCIDENT }) =>
    INCIDENT && `run ${TASKER} incidents ${INCIDENT} to see what became of it`,
  "task.ended": ({ ID }) => ID && `run ${TASKER} show ${ID} to see how it ended`,
  "bus.envelope_invalid": ({ ID }) =>
    ID && `send a corrected envelope; this one can only be discarded: ${TASKER} dead discard ${ID}`,
  "dead_letter.not_found": () =>
    `run ${TASKER} dead; it may have been replayed or discarded already`,
  "journal.conflict": () => "use another --key, or the same input",
  "client.unreachable": () =>
    `start a server with \`deno task serve\`, or set TASKER_URL; ${TASKER} doctor checks both`,
  "client.late": () => `read the server's log, or run ${TASKER} doctor`,
};

/** Describes anything thrown. */
export function describeFailure(thrown: unknown, typed: Typed): CommandFailure {
  if (thrown instanceof CommandError) {
    const { message: what, code, result, action } = thrown;
    return { code, what, result, action, places: [] };
  }
  if (!(thrown instanceof ClientError)) {
    return {
      code: "command.broken",
      what: messageOf(thrown),
      result: "the command stops here; tasks are not affected",
      action: "report what you typed: this is a bug in the command line",
      places: [],
    };
  }
  const { code, detail, action, faults, reference } = thrown;
  return {
    code,
    what: detail,
    result: resultOf(thrown, typed.isWrite),
    action: ACTIONS[code]?.(typed.names, typed.verb ?? "", detail) || asTyped(lowered(action)),
    places: faults
      .filter((fault) => !detail.includes(fault.path) || !detail.includes(fault.detail))
      .map((fault) => fault.path === "" ? fault.detail : `${fault.path}: ${fault.detail}`),
    reference,
  };
}

function resultOf({ code, retry, retryAfterMs }: ClientError, isWrite: boolean): string {
  if (isWrite && isOutcomeOpen(code)) return "the server may have carried it out; no task is lost";
  if (code === "client.unreachable") {
    return "no task is lost: all are stored, and go on when a server runs";
  }
  if (retry === "never") return "nothing was changed";
  const when = retryAfterMs === undefined ? "later" : `in ${durationText(retryAfterMs)}`;
  return `nothing was changed; the same command may succeed ${when}`;
}

/**
 * Codes of the server that do not say whether the command was carried out. `journal.unavailable`
 * does not either: it may be the inbox of another node that did not answer.
 */
const OPEN: readonly string[] = [
  "journal.outcome_unknown",
  "journal.unavailable",
  "api.internal",
];

/** Whether a command that failed with this code may have been carried out. */
export function isOutcomeOpen(code: string): boolean {
  return code.startsWith("client.") || OPEN.includes(code);
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Draws a failure. */
export function failureLines(failure: CommandFailure, paint: Paint): string[] {
  const { what, places, result, action, reference } = failure;
  const [head = "", ...faults] = what.split("\n");
  return [
    `${paint("bad", "✗")} ${paint("bold", head)}`,
    ...faults.map((fault) => `    ${paint("plain", fault.trim())}`),
    ...places.map((place) => `    ${paint("plain", place)}`),
    `  ${paint("dim", "result:")}  ${paint("plain", result)}`,
    `  ${paint("dim", "you can:")} ${paint("plain", action)}`,
    ...(reference === undefined ? [] : [
      `  ${paint("dim", "in the server's log:")} ${paint("plain", reference)}`,
    ]),
  ];
}
