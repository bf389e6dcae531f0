/** Patterns: regular expressions that others wrote, matched in linear time where that can be. */

/** A pair of surrogates: one character to the flag u. */
const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** Patterns that name characters as only the flag u reads them. */
const NEEDS_UNICODE = /\\[pPu]|[\ud800-\udfff]/;

/**
 * Reads a pattern as JSON Schema does, with the flag u; some that were written without it do not allow
 * it. With it, V8 has no linear engine to fall back to when a pattern backtracks. Where a pattern can
 * name no character beyond U+FFFF, it is the same without the flag, if each of those is one unit of the
 * text.
 *
 * @throws {SyntaxError} when it is not a pattern, with the flag or without it
 */
export function patternOf(pattern: string): Pick<RegExp, "test"> {
  try {
    const exact = new RegExp(pattern, "u");
    if (NEEDS_UNICODE.test(pattern)) return exact;
  } catch {
    return new RegExp(pattern);
  }
  const linear = new RegExp(pattern);
  const test = (text: string) => linear.test(text.replace(PAIR, "\uffff"));
  // Ajv keeps patterns by their text.
  return Object.assign(new RegExp(pattern), { test });
}
