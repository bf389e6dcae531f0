/** Versions: their order. */

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
    const order = isNumeric ? Number(a) - Number(b) : a < b ? -1 : 1;
    if (order !== 0) return order;
  }
  return 0;
}
