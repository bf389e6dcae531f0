/** Payloads: the JSON texts that travel through journal, actors and bus, encoded once. */

import { type ErrorCode, TaskerError } from "./errors.ts";
import { describeUnfit, findUnfit, type Unfit, type UnfitCode } from "./json.ts";

declare const brand: unique symbol;

/** A value as its JSON text. State and events keep the text, so a replay sees exactly what was sent. */
export type JsonText = string & { readonly [brand]: "JsonText" };

/** The largest payload of a task or step, in UTF-16 units of its JSON text. */
export const PAYLOAD_SIZE_MAX = 256 * 1024;

/** The largest payload to or from another system; its whole envelope may have no more bytes. */
export const REMOTE_PAYLOAD_SIZE_MAX = 64 * 1024;

/** Payloads that nest deeper are refused. */
export const PAYLOAD_DEPTH_MAX = 64;

/** The JSON text of null, for example the result of a sleep. */
export const NULL_TEXT = "null" as JsonText;

/**
 * Encodes a value; `undefined` becomes null.
 *
 * Cost: one walk and one JSON.stringify.
 *
 * @throws {TaskerError} payload.too_large when it is too long or nests too deep
 * @throws {TaskerError} journal.poison when it holds U+0000 or half of a surrogate pair, which jsonb
 *   cannot hold
 * @throws {TaskerError} contract.violation when JSON cannot carry it: a cycle, a bigint, NaN
 */
export function encodePayload(
  value: unknown,
  what: string,
  sizeMax: number = PAYLOAD_SIZE_MAX,
): JsonText {
  const text = stringify(value, what);
  if (text.length > sizeMax) {
    throw new TaskerError(
      "payload.too_large",
      `Cannot take ${what}: it has ${text.length} characters, at most ${sizeMax} are allowed`,
    );
  }
  const unfit = findUnfit(value, PAYLOAD_DEPTH_MAX);
  if (unfit !== undefined) throw unfitError(what, unfit);
  return text as JsonText;
}

const CODES: Readonly<Record<UnfitCode, ErrorCode>> = {
  no_json: "contract.violation",
  too_deep: "payload.too_large",
  text: "journal.poison",
  number: "contract.violation",
};

/** Makes the error of a value that cannot be kept. */
export function unfitError(what: string, unfit: Unfit): TaskerError {
  return new TaskerError(CODES[unfit.code], `Cannot take ${what}: ${describeUnfit(unfit)}`, {
    faults: [unfit],
  });
}

/** Parses a payload into a fresh value that shares nothing with any other. */
export function decodePayload(text: JsonText): unknown {
  return JSON.parse(text);
}

function stringify(value: unknown, what: string): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (cause) {
    throw new TaskerError("contract.violation", `Cannot encode ${what}: JSON cannot carry it`, {
      cause,
    });
  }
}
