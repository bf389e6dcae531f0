/** Outages: how long a step's attempts fail before they complete again. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { KIND_MIN } from "./candidate.ts";
import { type Case, isBad } from "./case.ts";

/** The span of one look at the attempts, ms; at so large a share of failures a step is down in it. */
const SPAN_MS = 10_000;
const DOWN_SHARE = 0.8;

/** The same of a minute that an incident shows: an outage may begin or end in it. */
const MINUTE_DOWN_SHARE = 0.5;

/** How far back incidents show outages of the same kind. */
const SHOWN_MS = 6 * 3_600_000;

/** A span of time, and whether the step was down. */
interface Span {
  readonly fromMs: number;
  readonly isDown: boolean;
}

/**
 * How long the longest outage of a step lasted that is over, in its newest attempts or in what its incidents of
 * the last hours have shown, ms; 0: none is known.
 */
export function outageMs({ recent, past, nowMs, degradation: { workflow, step } }: Case): number {
  const shown = past.filter((one) =>
    one.degradation.workflow === workflow && one.degradation.step === step &&
    one.startedAtMs > nowMs - SHOWN_MS
  ).map(({ learn }) =>
    (learn?.minutes ?? []).map(({ atMs, failedShare }) => ({
      fromMs: atMs,
      isDown: failedShare >= MINUTE_DOWN_SHARE,
    }))
  );
  return Math.max(0, ...[spansOf(recent), ...shown].flatMap(endedIn));
}

/** The newest attempts by span; spans without any are left out: a circuit may have been open. */
function spansOf(recent: readonly AttemptFact[]): readonly Span[] {
  const spans = Map.groupBy(recent, ({ endedAtMs }) => Math.floor(endedAtMs / SPAN_MS));
  return [...spans].toSorted(([one], [other]) => one - other)
    .filter(([, facts]) => facts.length >= KIND_MIN / 2)
    .map(([at, facts]) => ({
      fromMs: at * SPAN_MS,
      isDown: facts.filter(isBad).length >= DOWN_SHARE * facts.length,
    }));
}

/** How long each outage lasted that began and ended in some spans, ms. */
function endedIn(spans: readonly Span[]): readonly number[] {
  const turns = spans.filter(({ isDown }, at) => isDown !== spans[at - 1]?.isDown);
  return turns.flatMap(({ fromMs, isDown }, at) => {
    const next = turns[at + 1];
    return isDown && at > 0 && next !== undefined ? next.fromMs - fromMs : [];
  });
}
