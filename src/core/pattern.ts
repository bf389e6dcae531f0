/** Patterns: regular expressions that others wrote, matched in linear time where that can be. */

import { RE2JS } from "re2js";
import type { JsonSchema } from "./workflow.ts";

/** A pair of surrogates: one character to the flag u. */
const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** Patterns that name characters as only the flag u reads them. */
const NEEDS_UNICODE = /\\[pPu]|[\ud800-\udfff]/;

/** What one character of a pattern stands for: an escape, a class, or a group's head. */
const TOKENS = /\\k<|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[0-9a-fA-F]{4}|\\[^]|\(\?<?[=!]|[[\].]/g;

/** What JavaScript takes for a space, as the inside of a class. */
const SPACES = "\\t\\n\\x{b}\\f\\r \\x{a0}\\x{feff}\\x{2028}\\x{2029}\\p{Zs}";

/** Keywords whose values are no schemas. */
const VALUES: ReadonlySet<string> = new Set(["const", "default", "enum", "examples"]);

/**
 * Reads a pattern as JSON Schema does, with the flag u; some that were written without it do not allow
 * it. With it, V8 has no linear engine to fall back to when a pattern backtracks. Where a pattern can
 * name no character beyond U+FFFF, it is the same without the flag, if each of those is one unit of the
 * text; where it does, RE2 matches it. What looks around or back has no linear engine at all.
 *
 * Cost: 0.1 µs a short text; by RE2 5 µs, and 0.1 s a million characters.
 *
 * @throws {SyntaxError} when it is not a pattern, with the flag or without it
 */
export function patternOf(pattern: string): Pick<RegExp, "test"> {
  let exact: RegExp;
  try {
    exact = new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
  if (NEEDS_UNICODE.test(pattern)) {
    const re2 = re2Of(pattern);
    return re2 === undefined
      ? exact
      : Object.assign(exact, { test: (text: string) => re2.matcher(text).find() });
  }
  const linear = new RegExp(pattern);
  const test = (text: string) => linear.test(text.replace(PAIR, "\uffff"));
  // Ajv keeps patterns by their text.
  return Object.assign(new RegExp(pattern), { test });
}

/**
 * Says which pattern of a schema could be matched without end; undefined: none. `known` are patterns
 * that are as they should be.
 *
 * Cost: O(size of the schema).
 */
export function endlessIn(schema: JsonSchema, known: ReadonlySet<string>): string | undefined {
  const open: unknown[] = [schema];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one !== "object" || one === null) continue;
    for (const [keyword, value] of Object.entries(one)) {
      if (VALUES.has(keyword)) continue;
      const isMap = keyword === "patternProperties" && typeof value === "object" && value !== null;
      const named = isMap ? Object.keys(value) : keyword === "pattern" ? [value] : [];
      const endless = named.find((text) =>
        typeof text === "string" && !known.has(text) && isEndless(text)
      );
      if (endless !== undefined) return String(endless);
      open.push(value);
    }
  }
  return undefined;
}

/** Whether a pattern looks around or back, or names characters in a way that RE2 cannot read. */
function isEndless(pattern: string): boolean {
  const looks = tokensOf(pattern).some(({ token, isInside }) =>
    !isInside && /^(?:\(\?|\\k<|\\[1-9])/.test(token)
  );
  return looks || (NEEDS_UNICODE.test(pattern) && re2Of(pattern) === undefined);
}

interface Token {
  readonly token: string;
  readonly index: number;
  /** Whether it stands in a class. */
  readonly isInside: boolean;
}

function tokensOf(pattern: string): readonly Token[] {
  let isInside = false;
  return [...pattern.matchAll(TOKENS)].map(({ 0: token, index }) => {
    const found = { token, index, isInside };
    if (token === "[") isInside = true;
    if (token === "]") isInside = false;
    return found;
  });
}

/** The same pattern for RE2; undefined: it cannot say it. */
function re2Of(pattern: string): RE2JS | undefined {
  let [text, end] = ["", 0];
  for (const { token, index, isInside } of tokensOf(pattern)) {
    text += pattern.slice(end, index) + saidIn(token, isInside);
    end = index + token.length;
  }
  try {
    return RE2JS.compile(text + pattern.slice(end));
  } catch {
    return undefined;
  }
}

/** How RE2 writes a token of JavaScript. */
function saidIn(token: string, isInside: boolean): string {
  const [, escaped, property] = /^\\([pP])\{(?:(?:Script|sc|General_Category|gc)=)?(.*)\}$/
    .exec(token) ?? [];
  if (escaped !== undefined) return `\\${escaped}{${property}}`;
  const [, code] = /^\\u\{?([0-9a-fA-F]+)\}?$/.exec(token) ?? [];
  if (code !== undefined) return `\\x{${code}}`;
  if (token === ".") return isInside ? token : "[^\\n\\r\\x{2028}\\x{2029}]";
  if (token === "\\s") return isInside ? SPACES : `[${SPACES}]`;
  if (token === "\\S" && !isInside) return `[^${SPACES}]`;
  return token === "\\/" ? "/" : token;
}
