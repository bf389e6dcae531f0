/** Durations as people write them: one number with a unit, read to whole milliseconds. */

/** The forms that `parseDuration` reads, in words for an error text. */
export const DURATION_FORMS = "`500ms`, `30s`, `5m`, `2h` or `30d`";

/** The longest duration, 100 years: sums with a Unix time stay exact integers. */
export const DURATION_MS_MAX = 100 * 365 * 86_400_000;

const MS_BY_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration: a number of milliseconds, or text with a unit.
 *
 * Shape: text is digits and one of `ms s m h d`, such as `30s`; text without a unit is refused,
 * because nobody knows which one was meant.
 * Units: the answer is whole milliseconds, 0..DURATION_MS_MAX.
 *
 * @returns undefined when the value is no duration
 */
export function parseDuration(value: number | string): number | undefined {
  const ms = typeof value === "number" ? value : textToMs(value);
  return Number.isInteger(ms) && ms >= 0 && ms <= DURATION_MS_MAX ? ms : undefined;
}

function textToMs(text: string): number {
  const parts = /^(\d+)(ms|s|m|h|d)$/.exec(text.trim());
  return Number(parts?.[1]) * (MS_BY_UNIT[parts?.[2] ?? ""] ?? NaN);
}
