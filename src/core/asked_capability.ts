/** Capabilities as steps ask for them: a name, and the versions that will do. Pure, for browsers as well. */

import { parseVersionRange } from "./version.ts";

/** The type of an envelope, and the name of a capability: words of small letters, divided by dots. */
export const EVENT_TYPE = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Characters of such a name. */
export const EVENT_TYPE_LENGTH_MAX = 128;

/** What a step asks for: a capability, and the versions of it that will do. */
export interface AskedCapability {
  readonly name: string;
  /** As npm writes ranges; absent: any version. */
  readonly range?: string;
}

/** Reads `name` or `name@range`; undefined: neither. */
export function parseCapability(text: string): AskedCapability | undefined {
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  if (name.length > EVENT_TYPE_LENGTH_MAX || !EVENT_TYPE.test(name)) return undefined;
  if (at < 0) return { name };
  const range = text.slice(at + 1).trim();
  return parseVersionRange(range) === undefined ? undefined : { name, range };
}

/** Writes `name` or `name@range`. */
export function capabilityText({ name, range }: AskedCapability): string {
  return range === undefined ? name : `${name}@${range}`;
}
