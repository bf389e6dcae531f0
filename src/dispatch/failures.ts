/** Failures of attempts: broken contracts and thrown values, as a journal and a log can hold them. */

import { isNativeError } from "node:util/types";
import { failureOf } from "../core/attempt.ts";
import { explainDenial } from "../core/denial.ts";
import { assert } from "../core/errors.ts";
import type { Failure, FailureClass } from "../core/event.ts";
import type { JsonText } from "../core/payload.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { Attempt } from "../core/ports.ts";
import { hideSecrets } from "../core/redaction.ts";
import { redact } from "../telemetry/redact.ts";

/** Characters kept of a failure's text: faults of a large value, or a message, may have no end. */
export const FAILURE_TEXT_LENGTH_MAX = 2_000;

/** Characters of an HTTP answer's body that a failure shows. */
export const ANSWER_SHOWN_MAX = 500;

/** Returns the step of an attempt. */
export function stepOf({ plan, step, taskId }: Attempt): PlannedStep {
  const planned = plan.steps[step];
  assert(planned !== undefined, `Task "${taskId}" has no step ${step}`);
  return planned;
}

/** When an attempt is over, Unix ms: at its time-out or its task's deadline; undefined: at no set time. */
export function endsAtMs({ dueAtMs, deadlineAtMs }: Attempt): number | undefined {
  if (dueAtMs === undefined || deadlineAtMs === undefined) return dueAtMs ?? deadlineAtMs;
  return Math.min(dueAtMs, deadlineAtMs);
}

/** Makes the failure of a broken contract. */
export function contractFailure(why: string): Failure {
  return failureOf("contract_violation", plainText(why));
}

/** Characters of a text that are searched for credentials, so that none is cut in two where it ends. */
const SEARCHED_LENGTH_MAX = 4 * FAILURE_TEXT_LENGTH_MAX;

/** Returns a text without credentials and without what the journal cannot hold, and not too long. */
export function plainText(text: string): string {
  const safe = hideSecrets(text.slice(0, SEARCHED_LENGTH_MAX).replaceAll("\u0000", ""));
  return safe.slice(0, FAILURE_TEXT_LENGTH_MAX).toWellFormed();
}

/**
 * Returns the error of a failure by contract as the journal keeps it: its message, which is for people, has no
 * credentials. Its other fields are data like a result, and its contract marks them.
 */
export function journaledError(error: unknown): unknown {
  if (typeof error !== "object" || error === null || !("error_message" in error)) return error;
  const { error_message: message } = error;
  return typeof message === "string" ? { ...error, error_message: hideSecrets(message) } : error;
}

/** Causes that are kept, each the cause of the one before. */
export const CAUSES_MAX = 4;

/** Frames that are kept of one stack, the innermost first. */
export const FRAMES_MAX = 8;

const NAME_LENGTH_MAX = 100;
const FRAME_LENGTH_MAX = 200;

/** Where the engine lies. */
const ENGINE = new URL("../../", import.meta.url).href;

/** Where the workflows' project lies: a project carries its engine in a folder of its own. */
const PROJECT = ENGINE.endsWith("/engine/") ? new URL("../", ENGINE).href : ENGINE;

/** Modules whose frames say nothing about step code: the engine's, and those of libraries. */
const FOREIGN = ["src/", "actors/", "ffi/"].map((folder) => `${ENGINE}${folder}`);
const LIBRARY = /\/node_modules\/|\/npm\//;

/** One frame of a stack, such as `at charge (file:///app/workflows/shop.ts:7:5)`. */
const FRAME = /^\s*at (?:(.{1,200}?) \()?(file:\/\/\/[^\s()]{1,2000}:\d+:\d+)\)?$/;

/** What is kept of a thrown value. */
export interface Thrown {
  /** `TypeError`; absent for what is not an error. */
  readonly error_class?: string;
  readonly error_message: string;
  /** Places in the author's own modules, such as `charge (workflows/shop.ts:7:5)`. */
  readonly error_stack?: readonly string[];
  readonly error_cause?: Thrown;
}

/**
 * Describes anything thrown. Never throws, whatever getters and proxies it has.
 *
 * Shape: credentials are taken out, and every part is bounded; what belongs to persons stays, for the
 * journal is theirs. Other fields of an error are left out: clients keep requests with their headers
 * there.
 */
export function describeThrown(thrown: unknown, causesMax: number = CAUSES_MAX): Thrown {
  try {
    if (!isNativeError(thrown)) return { error_message: textOf(thrown) };
    const { message, stack } = thrown;
    // Of several errors the first one is kept: those of sockets have no text of their own.
    const cause = thrown.cause ?? (thrown instanceof AggregateError ? thrown.errors[0] : undefined);
    // A class that only extends Error has its name in its constructor alone.
    const name = thrown.name === "Error" ? thrown.constructor.name : thrown.name;
    const frames = framesOf(`${stack}`);
    return {
      error_class: plainText(`${name}`).slice(0, NAME_LENGTH_MAX),
      error_message: textOf(message),
      ...(frames.length > 0 && { error_stack: frames }),
      ...(cause !== undefined && causesMax > 0 &&
        { error_cause: describeThrown(cause, causesMax - 1) }),
    };
  } catch {
    return { error_message: "what was thrown has no text" };
  }
}

/** Makes the failure of what was thrown; `before` goes before its message. */
export function failureOfThrown(
  thrown: Thrown,
  as: { class: FailureClass; code: string; before?: string },
): Failure {
  const error = {
    error_code: as.code,
    ...thrown,
    error_message: plainText(`${as.before ?? ""}${thrown.error_message}`),
  };
  return { class: as.class, error: JSON.stringify(error) as JsonText };
}

const JOURNALED = { hide: hideSecrets };

/** An object that is not an error is shown as JSON: most libraries that throw one mean its fields. */
function textOf(thrown: unknown): string {
  const isPlain = typeof thrown === "object" && thrown !== null;
  const text = isPlain ? JSON.stringify(redact("", thrown, JOURNALED)) : String(thrown);
  return plainText(explainDenial(String(redact("", text, JOURNALED))));
}

function framesOf(stack: string): readonly string[] {
  const frames: string[] = [];
  for (const line of stack.slice(0, 16_384).split("\n")) {
    const [, callee, place = ""] = FRAME.exec(line) ?? [];
    const short = place.startsWith(PROJECT) ? place.slice(PROJECT.length) : place;
    const isForeign = FOREIGN.some((folder) => place.startsWith(folder)) || LIBRARY.test(short);
    if (short === "" || isForeign) continue;
    const frame = callee === undefined ? short : `${callee} (${short})`;
    frames.push(plainText(frame).slice(0, FRAME_LENGTH_MAX));
    if (frames.length === FRAMES_MAX) break;
  }
  return frames;
}
