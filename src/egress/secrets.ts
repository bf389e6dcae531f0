/** Secrets in answers: a host that repeats what it is sent would put one into the journal. */

import { charsetOf } from "../core/http_call.ts";
import type { EgressResponse } from "../core/ports.ts";

/** How often JSON is a text within JSON, at most, where a secret is still found. */
const DEPTH_MAX = 3;

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g;

const CONTROLS: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Whether an answer has one of the secrets, in head or body: as it is or as JSON escapes it, in
 * UTF-8, as headers are sent (Latin-1), or in the charset that the answer states.
 */
export function showsSecret(
  { headers, body }: Pick<EgressResponse, "headers" | "body">,
  secrets: readonly string[],
): boolean {
  if (secrets.length === 0) return false;
  const charsets = new Set(["utf-8", "latin1", charsetOf(headers["content-type"])]);
  return [...charsets].some((charset) => isIn(decoded(body, charset), secrets)) ||
    Object.values(headers).some((value) => isIn(value, secrets));
}

function isIn(text: string, secrets: readonly string[]): boolean {
  let level = text;
  for (let depth = 0; depth <= DEPTH_MAX; depth += 1) {
    if (secrets.some((secret) => level.includes(secret))) return true;
    const inner = level.replace(ESCAPE, unescaped);
    if (inner === level) return false;
    level = inner;
  }
  return false;
}

function unescaped(_all: string, code: string | undefined, char: string): string {
  return code === undefined
    ? CONTROLS[char] ?? char
    : String.fromCharCode(Number.parseInt(code, 16));
}

/** A charset that nobody can decode gives no text: the answer's reader refuses it too. */
function decoded(body: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return "";
  }
}
