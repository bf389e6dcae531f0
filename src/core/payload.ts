/** Payloads: the JSON texts that travel through journal, actors and bus, encoded once. */

import { TaskerError } from "./errors.ts";

declare const brand: unique symbol;

/** A value as its JSON text. State and events keep the text, so what is replayed is what was typed. */
export type JsonText = string & { readonly [brand]: "JsonText" };

/** The largest payload of a task or step, in UTF-16 units of its JSON text. */
export const PAYLOAD_SIZE_MAX = 256 * 1024;

/** The largest payload to or from another system. */
export const REMOTE_PAYLOAD_SIZE_MAX = 64 * 1024;

/** Deeper payloads are refused. */
export const PAYLOAD_DEPTH_MAX = 64;

/** The JSON text of null: what a sleep results in. */
export const NULL_TEXT = "null" as JsonText;

/**
 * Encodes a value; `undefined` becomes null.
 *
 * Cost: one JSON.stringify.
 *
 * @throws {TaskerError} payload.too_large
 * @throws {TaskerError} journal.poison when it holds the character U+0000, which jsonb cannot hold
 * @throws {TaskerError} contract.violation when JSON cannot carry it
 */
export function encodePayload(
  value: unknown,
  what: string,
  sizeMax: number = PAYLOAD_SIZE_MAX,
): JsonText {
  return checkText(stringify(value, what), what, sizeMax);
}

/** Parses a payload into a fresh value that shares nothing with any other. */
export function decodePayload(text: JsonText): unknown {
  return JSON.parse(text);
}

/** Whether a value nests at most `depthMax` deep. Cost: O(size). */
export function isShallow(value: unknown, depthMax: number = PAYLOAD_DEPTH_MAX): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depthMax === 0) return false;
  return Object.values(value).every((inner) => isShallow(inner, depthMax - 1));
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

function checkText(text: string, what: string, sizeMax: number): JsonText {
  if (text.length > sizeMax) {
    throw new TaskerError(
      "payload.too_large",
      `Cannot take ${what}: it has ${text.length} characters, at most ${sizeMax} are allowed`,
    );
  }
  if (text.includes("\\u0000") && /(?<!\\)(?:\\\\)*\\u0000/.test(text)) {
    throw new TaskerError("journal.poison", `Cannot take ${what}: it holds the character U+0000`);
  }
  return text as JsonText;
}
