/**
 * Survival: how long attempts take, from attempts of which some were cut off. An attempt that timed
 * out after 30 s would have taken at least 30 s: to leave it out, or to count it as 30 s, makes every
 * quantile too small.
 *
 * Source: Kaplan and Meier, JASA 53 (1958); the error of the curve by Greenwood (1926).
 */

/** How long one attempt took. */
export interface Observation {
  readonly ms: number;
  /** It was cut off: it would have taken at least this long. */
  readonly isCut: boolean;
}

/** One step of the curve: the share that takes longer than `ms`. */
interface CurvePoint {
  readonly ms: number;
  readonly share: number;
  /** Greenwood's sum: the variance of `share` is this times its square. */
  readonly greenwood: number;
}

/** The chance that a bound is wrong; bounds are one-sided. */
const ALPHA = 0.05;

/** With fewer attempts under way, single ones would decide what the others do. */
const AT_RISK_MIN = 20;

/**
 * Of attempts that are under way, fewer end in a time as long as they have taken: they hang.
 *
 * In nine scenarios of the bench under two seeds it was 0 where calls hang (up to 0.054 while a canary
 * tries another time-out), and 0.096 or more where they are slow. Where only some tasks are slow
 * (`bimodal`, `large_tenant`) it was 0 at first, too: only `isCutAgain` keeps those apart.
 */
const HANGS_MAX = 0.02;

/** Times of which it is kept how many attempts end then. */
const HAZARDS_MAX = 1_000;

/** How long attempts take, as far as it is known. */
export class Survival {
  readonly n: number;
  /** Those that were not cut off. */
  readonly seen: number;
  readonly #curve: readonly CurvePoint[];
  readonly #sorted: readonly Observation[];
  /** Up to here as many as AT_RISK_MIN are under way: beyond, single ones would decide. */
  readonly #horizonMs: number;
  /** Attempts are cut off at few times: at their time-outs. */
  readonly #hazards = new Map<number, number>();

  /** Cost: O(n log n). */
  constructor(observations: readonly Observation[]) {
    const sorted = observations.toSorted((a, b) =>
      a.ms - b.ms || Number(a.isCut) - Number(b.isCut)
    );
    this.n = sorted.length;
    this.seen = sorted.filter(({ isCut }) => !isCut).length;
    this.#sorted = sorted;
    this.#horizonMs = sorted.at(-AT_RISK_MIN)?.ms ?? 0;
    this.#curve = curveOf(sorted);
  }

  /** The share that takes longer than `ms`, 0..1. */
  longerThan(ms: number): number {
    return this.#curve[this.#firstAt((point) => point.ms > ms) - 1]?.share ?? 1;
  }

  /** The time within which a share ends; undefined: more than the rest was cut off before that. */
  quantile(share: number): number | undefined {
    return this.#curve[this.#firstAt((point) => point.share <= 1 - share + 1e-12)]?.ms;
  }

  /**
   * A time that the quantile does not exceed, with 95 % confidence; undefined: not enough is known. A
   * p99 takes at least 299 attempts, a p95 59.
   *
   * Where nothing was cut off this is the bound by order statistics; else with the number of attempts
   * that would give an error as large as Greenwood's.
   */
  quantileMax(share: number): number | undefined {
    return this.#curve.find((point) => {
      const { share: left, greenwood } = point;
      const size = left === 0 || greenwood === 0 ? this.n : (1 - left) / (left * greenwood);
      return left <= 1 - share && binomialAtMost(size * left, size, 1 - share) <= ALPHA;
    })?.ms;
  }

  /**
   * Draws how long an attempt takes that takes longer than `ms`, by a number in [0, 1). Beyond what was
   * seen of enough attempts, the draw comes from a tail that is assumed: as many end in a ms as did in
   * the last half of the time before. Infinity: none did, so the attempt is taken as one that hangs.
   */
  drawAbove(ms: number, uniform: number): { readonly ms: number; readonly isAssumed: boolean } {
    const left = this.longerThan(ms) * (1 - uniform);
    const point = this.#curve[this.#firstAt((one) => one.ms > ms && one.share <= left)];
    if (point !== undefined && point.ms <= this.#horizonMs) {
      return { ms: point.ms, isAssumed: false };
    }
    const fromMs = Math.max(ms, this.#horizonMs);
    const hazard = this.#hazardBefore(fromMs);
    if (hazard === 0) return { ms: Infinity, isAssumed: true };
    const ratio = fromMs === ms ? 1 - uniform : Math.min(1, left / this.longerThan(fromMs));
    return { ms: fromMs - Math.log(Math.max(ratio, 1e-9)) / hazard, isAssumed: true };
  }

  /** Whether attempts that are cut off hang: hardly any ended in the last half of the time before. */
  get hangs(): boolean {
    const cuts = this.#sorted.filter(({ isCut }) => isCut);
    const cutMs = cuts[cuts.length >> 1]?.ms;
    return cutMs !== undefined && this.#hazardBefore(cutMs) * cutMs < HANGS_MAX;
  }

  /** How many of those that are under way end in a ms, over the last half of the time before `ms`. */
  #hazardBefore(ms: number): number {
    const known = this.#hazards.get(ms);
    if (known !== undefined) return known;
    const late = this.#sorted.filter((one) => one.ms > ms / 2);
    const underWayMs = late.reduce((sum, one) => sum + Math.min(one.ms, ms) - ms / 2, 0);
    const ended = late.filter((one) => !one.isCut && one.ms <= ms).length;
    const hazard = underWayMs === 0 ? 0 : ended / underWayMs;
    if (this.#hazards.size < HAZARDS_MAX) this.#hazards.set(ms, hazard);
    return hazard;
  }

  /** The first point for which something holds that holds for all later ones. */
  #firstAt(holds: (point: CurvePoint) => boolean): number {
    let [low, high] = [0, this.#curve.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.#curve[middle] as CurvePoint)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function curveOf(sorted: readonly Observation[]): readonly CurvePoint[] {
  const curve: CurvePoint[] = [];
  let [share, greenwood] = [1, 0];
  for (let at = 0; at < sorted.length;) {
    const { ms } = sorted[at] as Observation;
    const atRisk = sorted.length - at;
    let ended = 0;
    for (; sorted[at]?.ms === ms; at++) if (!(sorted[at] as Observation).isCut) ended++;
    if (ended === 0) continue;
    share *= 1 - ended / atRisk;
    greenwood += ended === atRisk ? 0 : ended / (atRisk * (atRisk - ended));
    curve.push({ ms, share, greenwood });
  }
  return curve;
}

/** The chance of at most `x` of `n` when each happens with chance `p`. Cost: O(x). */
function binomialAtMost(x: number, n: number, p: number): number {
  // An effective number of attempts need not be whole; rounded so, the chance is not too small.
  const [most, all] = [Math.ceil(x - ROUNDING), Math.floor(n + ROUNDING)];
  let [log, total] = [all * Math.log1p(-p), 0];
  for (let count = 0; count <= most; count++) {
    total += Math.exp(log);
    log += Math.log((all - count) / (count + 1) * p / (1 - p));
  }
  return Math.min(1, total);
}

/** What a product of shares is off from the whole number that it stands for. */
const ROUNDING = 1e-6;
