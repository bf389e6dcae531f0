/** Unread replies: what an answer that is no valid envelope still says about whom it answers. */

import { type Envelope, STEP_PROGRESS } from "../core/envelope.ts";

/** Characters that are looked through. */
const LENGTH_MAX = 16 * 1024 * 1024;

const TYPE = /"type"\s*:\s*"([\w.]{1,512})"/g;
const SUBJECT = /"subject"\s*:\s*"([^"\\]{1,512})"/g;
const TOKEN = /"taskerreplytoken"\s*:\s*"([\w.-]{1,2048})"/g;

/** Where an answer belongs; the token still has to be verified. */
export type Addressee = Pick<Envelope, "subject" | "taskerreplytoken">;

/**
 * Finds the addressee of a body that could not be read as an envelope: it is too large, nested too
 * deep, has a wrong attribute, or is not JSON because of a NaN in its data.
 *
 * Undefined for a sign of life, which ends nothing, and where the body is not clear: text that is
 * not JSON may quote another envelope. Cost: O(characters).
 */
export function addresseeOf(body: string): Addressee | undefined {
  if (body.length > LENGTH_MAX) return undefined;
  const { type, subject, taskerreplytoken } = attributesOf(body);
  if (type === STEP_PROGRESS) return undefined;
  if (typeof subject !== "string" || typeof taskerreplytoken !== "string") return undefined;
  return { subject, taskerreplytoken };
}

function attributesOf(body: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {
      type: onlyOf(body, TYPE),
      subject: onlyOf(body, SUBJECT),
      taskerreplytoken: onlyOf(body, TOKEN),
    };
  }
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** What all matches say; undefined where they differ. */
function onlyOf(body: string, pattern: RegExp): string | undefined {
  const found = new Set<string | undefined>();
  for (const match of body.matchAll(pattern)) found.add(match[1]);
  return found.size === 1 ? [...found][0] : undefined;
}
