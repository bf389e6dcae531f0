/** Prompts: what a model is sent, and how its text is read. Pure. */

import { z } from "zod";
import { redactText, visible } from "../core/redaction.ts";

/** Characters of a text that are looked at, for each that is kept. */
const SEEN_FACTOR = 16;

/** A question as it is sent. */
export interface Prompt {
  readonly system: string;
  readonly user: string;
  /** JSON Schema of the answer, without keywords that some endpoints refuse. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** How often something was hidden. */
  readonly redactions: number;
}

/** An answer that was read: its value, or which rules it breaks. */
export type Verdict<T> =
  | { readonly kind: "valid"; readonly value: T }
  /** Places and rules, never what the answer holds: they are logged, and sent back. */
  | { readonly kind: "broken"; readonly faults: readonly string[] };

/** Makes untrusted texts fit to be sent: visible, without credentials and personal data, short. */
export class Shown {
  redactions = 0;

  /** The text, of at most `lengthMax` characters. */
  text(text: string, lengthMax: number): string {
    const { text: safe, count } = redactText(visible(text.slice(0, SEEN_FACTOR * lengthMax)));
    this.redactions += count;
    return safe.length <= lengthMax ? safe : `${safe.slice(0, lengthMax - 1).toWellFormed()}…`;
  }
}

/** Reads JSON, alone or in one Markdown fence; undefined: it is not. */
export function jsonIn(text: string): unknown {
  const inner = /^\s*```(?:json)?[ \t]*\r?\n([^]*?)\r?\n?```\s*$/i.exec(text)?.[1] ?? text;
  try {
    return JSON.parse(inner);
  } catch {
    return undefined;
  }
}

/** Bounds that some endpoints refuse in a schema; whoever reads the answer checks them. */
const BOUNDS = ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "$schema"];

/** The schema of an answer as it is sent. */
export function wireSchemaOf(schema: z.ZodType): Prompt["schema"] {
  return z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      for (const bound of BOUNDS) delete (jsonSchema as Record<string, unknown>)[bound];
    },
  });
}

/** Prose of a model as plain text: nothing in it is a link, markup, a secret or a control character. */
export function plainProse(text: string, seenMax: number): string {
  const seen = visible(text.slice(0, seenMax))
    .replaceAll(/!?\[([^\][]{0,400})\]\([^()\s]{0,2000}[^()]{0,200}\)/g, "$1")
    .replaceAll(/\b[a-z][a-z0-9+.-]{1,20}:\/\/\S{0,2000}|\bwww\.\S{0,2000}/gi, "(a link)")
    .replaceAll(/\b(?:javascript|data|mailto|vbscript):\S{0,2000}/gi, "(a link)")
    .replaceAll("<", "‹").replaceAll(">", "›").replaceAll(/[`*_#|]{2,}/g, "");
  return redactText(seen).text.trim();
}
