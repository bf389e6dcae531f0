/** Lesson: what an incident leaves to be learned, for its report. */

import type { HealerDeps } from "./healer_deps.ts";
import type { ConcludedIncident } from "./incident.ts";
import { figuresOf, windowOf } from "./window.ts";

/** Windows before the degradation that a report shows. */
const SHOWN_WINDOWS = 10;

/** Spans that the plot of a report has: it stands in 80 columns, beside its scale. */
const SHOWN_SPANS_MAX = 48;

/**
 * Reads what a degraded step did before, meanwhile and since its incident was concluded.
 *
 * Cost: one read of statistics.
 */
export async function learn(
  { runtime, statistics }: Pick<HealerDeps, "runtime" | "statistics">,
  { incident, conclusion }: ConcludedIncident,
) {
  const { degradation } = incident;
  const { workflow, step, windowMs, sinceMs } = degradation;
  const nowMs = runtime.now();
  const fromMs = sinceMs - SHOWN_WINDOWS * windowMs;
  const cells = (await statistics.read({ workflow, step, sinceMs: fromMs, untilMs: nowMs }))
    .filter((cell) => cell.step === step);
  const spanMs = Math.max(
    windowMs,
    Math.ceil((nowMs - fromMs) / SHOWN_SPANS_MAX / windowMs) * windowMs,
  );
  const count = Math.ceil((nowMs - fromMs) / spanMs);
  const minutes = Array.from({ length: count }, (_, at) => {
    const span = { fromMs: fromMs + at * spanMs, untilMs: fromMs + (at + 1) * spanMs };
    const { failedShare, p95Ms = 0 } = figuresOf(windowOf(cells, span));
    return { atMs: span.fromMs, failedShare, p95Ms };
  });
  // The trial is no part of it: there, most tasks still went without the change.
  const after = figuresOf(windowOf(cells, { fromMs: conclusion.atMs, untilMs: nowMs }));
  return {
    before: degradation.before,
    during: degradation.now,
    ...(after.attempts > 0 && { after }),
    minutes,
  };
}
