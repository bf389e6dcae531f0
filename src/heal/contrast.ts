/** Contrast: which attribute failed attempts have that succeeded ones lack. Exact tests; pure. */

/** One attempt, or one task, with what may have made the difference. An attribute may occur twice. */
export interface Trial {
  readonly failed: boolean;
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

/** How failures with a value of an attribute compare with the others. */
export interface Contrast {
  readonly attribute: string;
  readonly value: string;
  readonly failedWith: number;
  readonly failedAll: number;
  readonly succeededWith: number;
  readonly succeededAll: number;
  /** Natural logarithm of the odds ratio; positive: those with the value fail more often. */
  readonly logOdds: number;
  /** Fisher's exact test, two-sided. */
  readonly p: number;
  /** The same after Benjamini–Hochberg over all that was compared. */
  readonly q: number;
}

/** Values of one attribute that are compared, the most frequent first. */
const VALUES_MAX = 50;

/**
 * Compares failed with succeeded trials over every value of every attribute.
 *
 * Shape: each group is compared within itself (attempts with attempts, tasks with tasks), and all
 * comparisons are corrected together. The strongest comes first.
 * Cost: O(trials × attributes), and one exact test for each value.
 */
export function contrasts(groups: readonly (readonly Trial[])[]): Contrast[] {
  const found = groups.flatMap(contrastsIn);
  const corrected = benjaminiHochberg(found.map(({ p }) => p));
  return found.map((one, index) => ({ ...one, q: corrected[index] as number })).sort((a, b) =>
    a.q - b.q || b.logOdds - a.logOdds || (a.attribute + a.value < b.attribute + b.value ? -1 : 1)
  );
}

interface Counts {
  failed: number;
  succeeded: number;
}

function contrastsIn(trials: readonly Trial[]): Contrast[] {
  const failedAll = trials.filter(({ failed }) => failed).length;
  const succeededAll = trials.length - failedAll;
  if (failedAll === 0 || succeededAll === 0) return [];
  return [...countValues(trials)].flatMap(([attribute, counted]) =>
    mostFrequent(counted).flatMap(([value, { failed, succeeded }]) => {
      if (failed === failedAll && succeeded === succeededAll) return [];
      const table = [failed, failedAll - failed, succeeded, succeededAll - succeeded] as const;
      return [{
        attribute,
        value,
        failedWith: failed,
        failedAll,
        succeededWith: succeeded,
        succeededAll,
        logOdds: logOdds(...table),
        p: fisherExact(...table),
        q: 1,
      }];
    })
  );
}

function countValues(trials: readonly Trial[]): ReadonlyMap<string, ReadonlyMap<string, Counts>> {
  const byName = new Map<string, Map<string, Counts>>();
  for (const { failed, attributes } of trials) {
    for (const [name, value] of attributes) {
      const values = byName.get(name) ?? new Map<string, Counts>();
      const counts = values.get(value) ?? { failed: 0, succeeded: 0 };
      if (failed) counts.failed++;
      else counts.succeeded++;
      byName.set(name, values.set(value, counts));
    }
  }
  return byName;
}

/** Only values that failures have can explain them. */
function mostFrequent(values: ReadonlyMap<string, Counts>): [string, Counts][] {
  return [...values].filter(([, { failed }]) => failed > 0)
    .sort(([a, x], [b, y]) => y.failed - x.failed || (a < b ? -1 : 1))
    .slice(0, VALUES_MAX);
}

/**
 * Fisher's exact test, two-sided: how likely a table at least as unequal as this one is, if its rows
 * and columns had nothing to do with each other.
 *
 * Shape: `[a, b]` is one row and `[c, d]` the other; counts from 0.
 * Cost: O(the smallest row or column sum).
 */
export function fisherExact(a: number, b: number, c: number, d: number): number {
  const [row, column, all] = [a + b, a + c, a + b + c + d];
  const least = Math.max(0, row + column - all);
  const most = Math.min(row, column);
  const mode = Math.min(most, Math.max(least, Math.floor((row + 1) * (column + 1) / (all + 2))));
  // Relative to the mode no term is larger than 1: nothing overflows, whatever the counts.
  const terms = new Map<number, number>([[mode, 1]]);
  const ratio = (x: number) =>
    ((row - x) * (column - x)) / ((x + 1) * (all - row - column + x + 1));
  for (let x = mode, term = 1; x < most && term > 0; x++) terms.set(x + 1, term *= ratio(x));
  for (let x = mode - 1, term = 1; x >= least && term > 0; x--) terms.set(x, term /= ratio(x));
  const seen = (terms.get(a) ?? 0) * (1 + 1e-7);
  let [total, extreme] = [0, 0];
  for (const term of terms.values()) {
    total += term;
    if (term <= seen) extreme += term;
  }
  return Math.min(1, extreme / total);
}

/** The log odds ratio with half a count added to each cell (Haldane and Anscombe), so it is finite. */
function logOdds(a: number, b: number, c: number, d: number): number {
  return Math.log(((a + 0.5) * (d + 0.5)) / ((b + 0.5) * (c + 0.5)));
}

/**
 * Corrects p-values of many tests: among those below a level, at most this share is expected to be
 * chance. Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995).
 */
export function benjaminiHochberg(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).sort((a, b) => (ps[b] as number) - (ps[a] as number));
  const qs = new Array<number>(ps.length);
  let least = 1;
  order.forEach((index, rank) => {
    least = Math.min(least, (ps[index] as number) * ps.length / (ps.length - rank));
    qs[index] = least;
  });
  return qs;
}
