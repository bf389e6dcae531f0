/** Versions: their order, and ranges of them. */

/**
 * Compares versions as semver does, and other texts by the same rules: parts between dots are
 * compared as numbers if both are numbers, a pre-release comes before its release, build metadata is
 * ignored.
 *
 * @returns below 0 when `a` is the lower one
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  const byCore = compareParts(left.core, right.core);
  if (byCore !== 0) return byCore;
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  return compareParts(left.pre, right.pre);
}

interface Parts {
  readonly core: readonly string[];
  readonly pre: readonly string[];
}

function split(version: string): Parts {
  const bare = version.replace(/^v/, "").split("+")[0] ?? "";
  const dash = bare.indexOf("-");
  if (dash < 0) return { core: bare.split("."), pre: [] };
  return { core: bare.slice(0, dash).split("."), pre: bare.slice(dash + 1).split(".") };
}

function compareParts(left: readonly string[], right: readonly string[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [a, b] = [left[index], right[index]];
    if (a === b) continue;
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    const isNumeric = /^\d+$/.test(a) && /^\d+$/.test(b);
    const order = isNumeric ? compareNumbers(a, b) : a < b ? -1 : 1;
    if (order !== 0) return order;
  }
  return 0;
}

/** Compares whole numbers of any length, which as doubles would be equal from 2^53 on. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.replace(/^0+(?=\d)/, "")) as [string, string];
  if (left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}

/** One comparison of a range: `>=1.2.0`. */
interface Comparator {
  readonly operator: ">=" | ">" | "<=" | "<" | "=";
  readonly version: string;
}

/** Whether a version is one of a range. */
export type VersionRange = (version: string) => boolean;

const NUMBERS = /^(\d{1,9})(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?$/;
const FULL = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,40})?$/;

/**
 * Parses a version range as npm writes it: `1.2.3`, `1.2`, `1.x`, `*`, `^1.2`, `~1.2.3`, `>=1.2 <2`, and
 * alternatives joined by `||`. A pre-release matches only where the range names one of the same version.
 *
 * @returns undefined when the text is not a range
 */
export function parseVersionRange(text: string): VersionRange | undefined {
  const sets = text.split("||").map((part) => comparatorsOf(part.trim()));
  if (sets.some((set) => set === undefined)) return undefined;
  return (version) => sets.some((set) => set !== undefined && matches(set, version));
}

function matches(set: readonly Comparator[], version: string): boolean {
  const [core, pre] = version.split("-", 2);
  const isNamed = set.some((one) =>
    one.version.includes("-") && one.version.startsWith(`${core}-`)
  );
  if (pre !== undefined && !isNamed) return false;
  return set.every((one) => holds(one, compareVersions(version, one.version)));
}

function holds({ operator }: Comparator, order: number): boolean {
  switch (operator) {
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    case "<":
      return order < 0;
    case "=":
      return order === 0;
  }
}

/** The comparisons that all have to hold; undefined: not valid. */
function comparatorsOf(text: string): readonly Comparator[] | undefined {
  const words = text.replaceAll(/([<>=~^])\s+/g, "$1").split(/\s+/);
  const parts = words.map(comparatorOf);
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

function comparatorOf(word: string): readonly Comparator[] | undefined {
  const [, operator = "", rest = ""] = /^(>=|<=|[<>=~^])?v?(.*)$/.exec(word) ?? [];
  if (rest === "*" || rest === "x") return operator === "" ? [] : undefined;
  const isFull = FULL.test(rest);
  const numbers = NUMBERS.exec(rest.split("-")[0] ?? "");
  if (numbers === null || (!isFull && rest.includes("-"))) return undefined;
  const given = numbers.slice(1).filter((part) => part !== undefined && /^\d/.test(part)).map(
    Number,
  );
  const low = isFull ? rest : versionOf(given);
  const next = (index: number) => versionOf(given.slice(0, index + 1), 1);
  const from = { operator: ">=", version: low } as const;
  const last = given.length - 1;
  const leading = given.findIndex((part) => part > 0);
  switch (operator) {
    case "^":
      return [from, below(next(leading < 0 ? last : leading))];
    case "~":
      return [from, below(next(Math.min(last, 1)))];
    case "":
    case "=":
      return isFull ? [{ operator: "=", version: low }] : [from, below(next(last))];
    case ">":
      return isFull ? [{ operator, version: low }] : [{ operator: ">=", version: next(last) }];
    case "<=":
      return isFull ? [{ operator, version: low }] : [below(next(last))];
    default:
      return [{ operator: operator as Comparator["operator"], version: low }];
  }
}

/** The first version that is too high; its pre-releases are too high as well. */
function below(version: string): Comparator {
  return { operator: "<", version };
}

/** Fills up with zeros; `more` is added to the last number. */
function versionOf(numbers: readonly number[], more = 0): string {
  const last = numbers.length - 1;
  return [0, 1, 2].map((index) => (numbers[index] ?? 0) + (index === last ? more : 0)).join(".");
}
