/** Outages: times in which this node could not record results, or not reach other systems. Pure. */

import type { StepDefinition } from "./workflow.ts";

/** How often each part is checked, in ms. */
export const PROOF_MS = 1_000;

/** A part that gives no answer for this many ms is down; below that it is only slow. */
export const OUTAGE_MS_MIN = 2_000;

/**
 * An outage counts twice its length, but at most this many ms longer: what waited during it is
 * tried again after waits that double up to this one.
 */
export const CATCH_UP_MS_MAX = 30_000;

/** Outages of one part that are remembered. */
const OUTAGES_MAX = 256;

/** The part that records results. */
export const JOURNAL = "journal";

/** The part that carries envelopes. */
export const BUS = "bus";

/** One channel of the bus: it can be down alone. */
export function busOf(owner: string): string {
  return `${BUS}/${owner}`;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Remembers outages by part, so that attempts are not charged for them.
 *
 * A part is checked from time to time. If its answer takes too long, it was down from its previous
 * answer to this one. Times are Unix ms of the Runtime.
 */
export class Outages {
  /** By part: when it last answered. */
  readonly #proven = new Map<string, number>();
  /** By part without an answer: since when. */
  readonly #since = new Map<string, number>();
  readonly #past = new Map<string, Span[]>();

  /** Notes that a part was asked. An outage begins at its last answer, if that is recent. */
  asked(part: string, nowMs: number): void {
    const provenMs = Math.max(this.#proven.get(part) ?? nowMs, nowMs - PROOF_MS);
    this.#since.set(part, Math.min(this.#since.get(part) ?? Infinity, provenMs, nowMs));
  }

  /** Notes that a part answered. */
  answered(part: string, nowMs: number): void {
    const span = this.#current(part, nowMs);
    this.#since.delete(part);
    this.#proven.set(part, nowMs);
    if (span === undefined) return;
    const past = this.#past.get(part) ?? [];
    past.push(span);
    if (past.length > OUTAGES_MAX) past.shift();
    this.#past.set(part, past);
  }

  /**
   * `dueAtMs` of something that began at `sinceMs`, moved by the time in which one of the parts was
   * down. Cost: O(outages of the parts), mostly none.
   */
  postponed(
    parts: readonly string[],
    { sinceMs, dueAtMs, nowMs }: { sinceMs: number; dueAtMs: number; nowMs: number },
  ): number {
    if (this.#past.size === 0 && this.#since.size === 0) return dueAtMs;
    let [reachedMs, postponedMs] = [sinceMs, dueAtMs];
    for (const { fromMs, toMs } of this.#spans(parts, nowMs)) {
      const lostMs = toMs - Math.max(fromMs, reachedMs);
      if (lostMs <= 0) continue;
      if (fromMs >= postponedMs) break;
      postponedMs += lostMs;
      reachedMs = toMs;
    }
    return postponedMs;
  }

  #spans(parts: readonly string[], nowMs: number): readonly Span[] {
    const spans = parts.flatMap((part) => {
      const current = this.#current(part, nowMs);
      return [...this.#past.get(part) ?? [], ...current === undefined ? [] : [current]];
    });
    return spans.length < 2 ? spans : spans.sort((one, other) => one.fromMs - other.fromMs);
  }

  /** The outage that ends now; undefined while it is too short to be one. */
  #current(part: string, nowMs: number): Span | undefined {
    const fromMs = this.#since.get(part);
    if (fromMs === undefined || nowMs - fromMs < OUTAGE_MS_MIN) return undefined;
    return { fromMs, toMs: nowMs + Math.min(nowMs - fromMs, CATCH_UP_MS_MAX) };
  }
}

/** The parts that an attempt of a step needs to end; a sleep needs none. `system` runs it. */
export function partsOf(
  { kind, owner }: Pick<StepDefinition, "kind" | "owner">,
  system: string = owner,
): readonly string[] {
  switch (kind) {
    case "sleep":
      return [];
    case "remote":
      return [JOURNAL, BUS, busOf(system)];
    default:
      return [JOURNAL];
  }
}
