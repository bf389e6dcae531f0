/** Metrics of a node: copied from where they are counted, when somebody asks. */

import type { Journal } from "../core/ports.ts";
import type { Readiness } from "../core/readiness.ts";
import type { Engine } from "./engine.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Where figures are counted. */
export interface FigureSources {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly readiness: Readiness;
}

/** Reads the figures before each exposition, and counts events as they are committed. */
export function readFigures(metrics: Metrics, { engine, journal, readiness }: FigureSources): void {
  metrics.beforeText(() => {
    const { commits, rows, queries, bytes } = journal.figures();
    metrics.counter("tasker_journal_commits_total").raiseTo(commits);
    metrics.counter("tasker_journal_rows_total").raiseTo(rows);
    metrics.counter("tasker_journal_queries_total").raiseTo(queries);
    metrics.counter("tasker_journal_bytes_total").raiseTo(bytes);
    metrics.gauge("tasker_actors").set(engine.supervisor.size);
    metrics.gauge("tasker_quarantined").set(engine.supervisor.quarantined.size);
    metrics.gauge("tasker_steps_running").set(engine.local.size);
    metrics.gauge("tasker_slots_owned").set(engine.ownership.owned);
    metrics.gauge("tasker_nodes_live").set(engine.ownership.live.length);
    metrics.gauge("tasker_readiness_bytes").set(readiness.bytesUsed());
    metrics.gauge("tasker_readiness_rust").set(readiness.kind === "rust" ? 1 : 0);
  });
  const turns = metrics.counter("tasker_turns_total");
  engine.supervisor.subscribe(({ turn }) => {
    turns.add();
    for (const event of turn.events) metrics.counter("tasker_events_total", event.kind).add();
  });
}
