/** Patterns: regular expressions that others wrote, matched in linear time where that can be. */

import { RE2JS } from "re2js";
import type { JsonSchema } from "./workflow.ts";

/** A pair of surrogates: one character to the flag u. */
const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** Patterns that name characters as only the flag u reads them. */
const NEEDS_UNICODE = /\\[pPu]|[\ud800-\udfff]/;

/** What one character of a pattern stands for: an escape, a class, a group's head, a quantifier. */
const TOKENS = new RegExp(
  [
    String.raw`\\k<|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[0-9a-fA-F]{4}|\\[^]`,
    String.raw`\[\^?\]|\(\?<?[=!]|\(\?<[^>]*>|\(\?[a-z]*-?[a-z]*:|\{\d+(?:,\d*)?\}`,
    String.raw`[[\].()|*+?]`,
  ].join("|"),
  "g",
);

/** An escaped letter that stands for itself, where the flag u does not refuse it. */
const ITSELF = /^\\(?![dDwWsSbBfnrtvpPux])[a-zA-Z]$/;

/** What JavaScript takes for a space, as the inside of a class. */
const SPACES = "\\t\\n\\x{b}\\f\\r \\x{a0}\\x{feff}\\x{2028}\\x{2029}\\p{Zs}";

/** Patterns that were read last: RE2 needs milliseconds to read one with large counts. */
const kept = new Map<string, Pick<RegExp, "test">>();
const KEPT_MAX = 500;

/** Keywords whose values are no schemas. */
const VALUES: ReadonlySet<string> = new Set(["const", "default", "enum", "examples"]);

/**
 * Reads a pattern as JSON Schema does, with the flag u; some that were written without it do not allow
 * it. With it, V8 has no linear engine to fall back to when a pattern backtracks. Where a pattern can
 * name no character beyond U+FFFF, it is the same without the flag, if each of those is one unit of the
 * text; where it does, and where it counts in a way that V8's linear engine refuses, RE2 matches it. What
 * looks around or back has no linear engine at all.
 *
 * Cost: 0.1 µs a short text; by RE2 5 µs, and 0.1 s a million characters.
 *
 * @throws {SyntaxError} when it is not a pattern, with the flag or without it
 */
export function patternOf(pattern: string): Pick<RegExp, "test"> {
  const known = kept.get(pattern);
  if (known !== undefined) return known;
  const read = compiled(pattern);
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(pattern, read);
  return read;
}

/**
 * Reads a pattern of code as `patternOf` does: the same one, matched in linear time where that can be.
 * `isEndless`: nothing can, and it repeats what repeats, so that a text of 50 characters may take for ever.
 */
export function patternOfCode(pattern: RegExp): { pattern: RegExp; isEndless: boolean } {
  const { source, flags } = pattern;
  const kept = flags.replace(/[^ims]/g, "");
  const text = kept === "" ? source : `(?${kept}:${source})`;
  if (isEndless(text)) return { pattern, isEndless: repeatsRepeated(text) };
  if (!pattern.unicode && !needsRe2(text)) return { pattern, isEndless: false };
  const read = patternOf(text);
  const test = (value: string) => read.test(value);
  return { pattern: Object.assign(new RegExp(source, flags), { test }), isEndless: false };
}

/** Whether a group is repeated in which something varies, or one of several is taken. */
function repeatsRepeated(pattern: string): boolean {
  const tokens = tokensOf(pattern).filter(({ isInside }) => !isInside);
  const varying = [false];
  for (const { token, index } of tokens) {
    if (token.startsWith("(")) varying.push(false);
    else if (token === ")") {
      const isVarying = varying.pop() === true;
      const isRepeated = /^(?:[*+]|\{\d+,)/.test(pattern.slice(index + 1));
      if (isVarying && isRepeated) return true;
      varying[varying.length - 1] ||= isVarying;
    } else if (/^(?:[*+?|]|\{\d+,)/.test(token)) varying[varying.length - 1] = true;
  }
  return false;
}

function compiled(pattern: string): Pick<RegExp, "test"> {
  const exact = readPattern(pattern);
  if (needsRe2(pattern)) {
    const re2 = re2Of(pattern);
    return re2 === undefined
      ? exact
      : Object.assign(exact, { test: (text: string) => re2.matcher(text).find() });
  }
  if (!exact.unicode) return exact;
  const linear = new RegExp(pattern);
  const test = (text: string) => linear.test(text.replace(PAIR, "\uffff"));
  // Ajv keeps patterns by their text.
  return Object.assign(new RegExp(pattern), { test });
}

function readPattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

/**
 * Whether V8 could backtrack without end, or needs the flag u. Its linear engine takes no flags in a
 * group, and counts up to 16 alone, those around them included. It is not needed for what repeats
 * characters exactly, or has one repetition that gives way, of characters, from the start.
 */
function needsRe2(pattern: string): boolean {
  if (NEEDS_UNICODE.test(pattern)) return true;
  const tokens = tokensOf(pattern).filter(({ isInside }) => !isInside);
  if (!tokens.some(({ token }) => token.startsWith("{") || FLAGS.test(token))) return false;
  const repeats = tokens.filter(({ token }) => /^(?:[*+?]|\{)/.test(token));
  const isOfGroup = repeats.some(({ index }) => pattern[index - 1] === ")");
  if (isOfGroup || tokens.some(({ token }) => token === "|")) return true;
  const varying = repeats.filter(({ token }) => !/^\{\d+\}$/.test(token));
  return varying.length > (pattern.startsWith("^") ? 1 : 0);
}

/** The head of a group with flags of its own. */
const FLAGS = /^\(\?(?!:)([a-z]*)-?([a-z]*):$/;

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

/** Whether a pattern looks around or back, or needs RE2 and is one that RE2 cannot read. */
function isEndless(pattern: string): boolean {
  const looks = tokensOf(pattern).some(({ token, isInside }) =>
    !isInside && /^(?:\(\?<?[=!]|\\k<|\\[1-9])/.test(token)
  );
  return looks || (needsRe2(pattern) && re2Of(pattern) === undefined);
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
    // A bracket in a class stands for itself.
    if (token.endsWith("]") && !token.startsWith("\\")) isInside = false;
    return found;
  });
}

/** The same pattern for RE2; undefined: it cannot say it. */
function re2Of(pattern: string): RE2JS | undefined {
  let [text, end] = ["", 0];
  // Whether a dot is any character, in each group around.
  const isAny = [false];
  for (const { token, index, isInside } of tokensOf(pattern)) {
    if (ITSELF.test(token)) return undefined;
    if (!isInside && token.startsWith("(")) isAny.push(anyIn(token, isAny.at(-1) ?? false));
    if (!isInside && token === ")") isAny.pop();
    const said = token === "." && isAny.at(-1) ? token : saidIn(token, isInside);
    text += pattern.slice(end, index) + said;
    end = index + token.length;
  }
  try {
    return RE2JS.compile(text + pattern.slice(end));
  } catch {
    return undefined;
  }
}

/** Whether a dot is any character in a group that begins so. */
function anyIn(head: string, around: boolean): boolean {
  const [, on = "", off = ""] = FLAGS.exec(head) ?? [];
  return on.includes("s") || (around && !off.includes("s"));
}

/** How RE2 writes a token of JavaScript. */
function saidIn(token: string, isInside: boolean): string {
  const [, escaped, property] = /^\\([pP])\{(?:(?:Script|sc|General_Category|gc)=)?(.*)\}$/
    .exec(token) ?? [];
  if (escaped !== undefined) return `\\${escaped}{${property}}`;
  const [, code] = /^\\u\{?([0-9a-fA-F]+)\}?$/.exec(token) ?? [];
  if (code !== undefined) return `\\x{${code}}`;
  if (isInside && token.startsWith("[")) return `\\${token}`;
  if (token.startsWith("(?<")) return "(";
  if (token === "[]") return "[^\\x{0}-\\x{10ffff}]";
  if (token === "[^]") return "(?s:.)";
  if (token === ".") return isInside ? token : "[^\\n\\r\\x{2028}\\x{2029}]";
  if (token === "\\s") return isInside ? SPACES : `[${SPACES}]`;
  if (token === "\\S" && !isInside) return `[^${SPACES}]`;
  return token === "\\/" ? "/" : token;
}
