/** Limits that nodes share: how the places and starts of a system are divided among them. */

import type { Incarnation } from "./ids.ts";

/** What a system, or one of its capabilities, may be tuned by. Absent fields set no limit. */
export interface SystemLimit {
  /** Attempts that run at once, on all nodes together. */
  readonly concurrencyMax?: number;
  /** Attempts that start in a second, on all nodes together. */
  readonly ratePerS?: number;
  /** Starts that may come at once after a rest; by default those of one second. */
  readonly burst?: number;
  /** Nothing is sent before, Unix ms; then little by little. Of a whole system only. */
  readonly holdUntilMs?: number;
  /** Instances that get nothing until a time, see `ejectedNow`. Of a whole system only. */
  readonly ejected?: Ejected;
  /** When the circuit opens. Of a whole system only. */
  readonly circuit?: CircuitPolicy;
}

/** Until when instances get nothing, by name, Unix ms. */
export type Ejected = Readonly<Record<string, number>>;

/** When a circuit opens. Absent fields take the defaults of `breaker.ts`. */
export interface CircuitPolicy {
  /** Share of attempts without an answer that opens it, 0 to 1. */
  readonly failureShare?: number;
  /** An answer that took longer is slow, and this share of slow ones opens it. */
  readonly slowMs?: number;
  readonly slowShare?: number;
  /** Attempts that must have ended before a share says anything. */
  readonly volumeMin?: number;
  /** It is open until then whatever happens, Unix ms; then it closes little by little. */
  readonly openUntilMs?: number;
}

/** The part of a limit that nodes divide; undefined: nothing is to be divided. */
export function dividedPart(limit: SystemLimit | undefined): SystemLimit | undefined {
  const { concurrencyMax, ratePerS, burst } = limit ?? {};
  if (concurrencyMax === undefined && ratePerS === undefined) return undefined;
  return {
    ...(concurrencyMax !== undefined && { concurrencyMax }),
    ...(ratePerS !== undefined && { ratePerS }),
    ...(burst !== undefined && { burst }),
  };
}

/** When a circuit opened, or began to close again. Time of the database's clock. */
export interface CircuitChange {
  readonly isOpen: boolean;
  readonly atMs: number;
}

/** What all nodes know of a system, or of one of its capabilities, together. */
export interface SharedState {
  readonly limit?: SharedLimit;
  readonly circuit?: CircuitChange;
}

/** What a node has of a limit, and what it would like to have. Times are of the database's clock. */
export interface Share {
  /** Places that are taken here, or may be. */
  readonly places: number;
  /** Places taken, and steps that wait for one. */
  readonly placesWanted: number;
  /** Starts that it could use at once. */
  readonly startsWanted: number;
  /** Since when its first step waits; null: none does. */
  readonly waitsSinceMs: number | null;
}

/** A limit as all nodes know it. */
export interface SharedLimit {
  readonly shares: Readonly<Record<Incarnation, Share>>;
  /** Starts that nobody has taken. */
  readonly starts: number;
  /** When time was last credited with starts. */
  readonly atMs: number;
}

/** What a node reports. */
export interface Report {
  readonly placesTaken: number;
  readonly placesWanted: number;
  readonly startsWanted: number;
  /** Starts that it was given and did not use: they go back. */
  readonly startsUnused: number;
  readonly waitsSinceMs: number | null;
}

/** What a node may use from now on. */
export interface Granted {
  readonly places: number;
  readonly starts: number;
}

/** A limit that no node has used yet. */
export function newSharedLimit(limit: SystemLimit, nowMs: number): SharedLimit {
  const starts = limit.ratePerS === undefined ? 0 : burstOf(limit, limit.ratePerS);
  return { shares: {}, starts, atMs: nowMs };
}

/**
 * Divides a limit once more, as one node reports what it needs.
 *
 * Nodes that need little get it, the others the same; what is left over goes to those whose steps have
 * waited longest, so a single place goes round. Nobody is given what another still holds: so
 * all together never have more places than the limit, unless it was lowered.
 *
 * Shape: `live` are the nodes that count; what others held is free. Cost: O(nodes log nodes).
 */
export function divide(
  { limit, shared, live, me, report, nowMs }: {
    readonly limit: SystemLimit;
    readonly shared: SharedLimit;
    readonly live: readonly Incarnation[];
    readonly me: Incarnation;
    readonly report: Report;
    readonly nowMs: number;
  },
): { readonly shared: SharedLimit; readonly granted: Granted } {
  const { concurrencyMax = Infinity } = limit;
  const others = live.flatMap((node): [Incarnation, Share][] => {
    const share = shared.shares[node];
    return node === me || share === undefined ? [] : [[node, share]];
  });
  const { placesTaken, placesWanted, startsWanted, startsUnused, waitsSinceMs } = report;
  const mine = { places: placesTaken, placesWanted, startsWanted, waitsSinceMs };
  const all: readonly [Incarnation, Share][] = [...others, [me, mine]];
  const held = others.reduce((sum, [, share]) => sum + share.places, 0);
  const fair = fairShare(concurrencyMax, all, me, "placesWanted");
  const places = Math.max(0, Math.min(fair, concurrencyMax - held));
  const starts = startsAt({ limit, shared, unused: startsUnused, nowMs });
  const given = fairShare(Math.floor(starts), all, me, "startsWanted");
  const isRated = limit.ratePerS !== undefined;
  return {
    granted: { places, starts: isRated ? given : Infinity },
    shared: {
      shares: Object.fromEntries([
        ...others,
        [me, {
          ...mine,
          places: limit.concurrencyMax === undefined ? placesTaken : Math.max(placesTaken, places),
        }],
      ]),
      starts: isRated ? starts - given : 0,
      atMs: nowMs,
    },
  };
}

/** Starts that nobody has taken, with those that time has brought and that come back unused. */
function startsAt(
  { limit, shared, unused, nowMs }: {
    readonly limit: SystemLimit;
    readonly shared: SharedLimit;
    readonly unused: number;
    readonly nowMs: number;
  },
): number {
  const { ratePerS } = limit;
  if (ratePerS === undefined) return 0;
  const credited = Math.max(0, nowMs - shared.atMs) / 1_000 * ratePerS;
  return Math.min(burstOf(limit, ratePerS), shared.starts + unused + credited);
}

/** Starts that may come at once. */
function burstOf({ burst }: SystemLimit, ratePerS: number): number {
  return burst ?? Math.max(1, Math.ceil(ratePerS));
}

/**
 * What `me` gets when `total` is divided: who needs less than the others gets that, and the others the
 * same; what is left over goes to those whose steps have waited longest.
 */
function fairShare(
  total: number,
  all: readonly (readonly [Incarnation, Share])[],
  me: Incarnation,
  need: "placesWanted" | "startsWanted",
): number {
  const byNeed = all.toSorted(([, one], [, other]) => one[need] - other[need]);
  let left = total;
  for (const [at, [node, share]] of byNeed.entries()) {
    if (share[need] > left / (byNeed.length - at)) {
      return equalShare(left, byNeed.slice(at), me);
    }
    if (node === me) return share[need];
    left -= share[need];
  }
  return 0;
}

function equalShare(
  total: number,
  all: readonly (readonly [Incarnation, Share])[],
  me: Incarnation,
): number {
  const byWait = all.toSorted(([a, one], [b, other]) =>
    (one.waitsSinceMs ?? Infinity) - (other.waitsSinceMs ?? Infinity) || (a < b ? -1 : 1)
  );
  const each = Math.floor(total / all.length);
  const isAmongFirst = byWait.findIndex(([node]) => node === me) < total - each * all.length;
  return isAmongFirst ? each + 1 : each;
}
