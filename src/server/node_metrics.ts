/** Metrics of a node: copied from where they are counted, when somebody asks. */

import type { Event, TaskEnd } from "../core/event.ts";
import type { Journal } from "../core/ports.ts";
import type { Readiness } from "../core/readiness.ts";
import { countStates, type SystemDirectory } from "../core/system_directory.ts";
import type { HistogramSeries, Metrics } from "../telemetry/metrics.ts";
import type { Engine } from "./engine.ts";

/** Where figures are counted. */
export interface FigureSources {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly readiness: Readiness;
  /** Systems whose circuits are shown. */
  systems(): readonly string[];
  readonly directory: Pick<SystemDirectory, "systems" | "ejected">;
}

/** Reads the figures before each exposition, and counts events as they are committed. */
export function readFigures(metrics: Metrics, sources: FigureSources): void {
  const { engine } = sources;
  const turns = new TurnFigures(metrics);
  engine.supervisor.subscribe(({ turn }) => turns.count(turn.events));
  metrics.beforeText(() => {
    readJournal(metrics, sources.journal);
    readEngine(metrics, sources);
    readSystems(metrics, sources);
    turns.read(metrics);
  });
}

function readJournal(metrics: Metrics, journal: Journal): void {
  const { commits, rows, queries, bytes, flushMs } = journal.figures();
  metrics.counter("tasker_journal_commits_total").raiseTo(commits);
  metrics.counter("tasker_journal_rows_total").raiseTo(rows);
  metrics.counter("tasker_journal_queries_total").raiseTo(queries);
  metrics.counter("tasker_journal_bytes_total").raiseTo(bytes);
  metrics.counter("tasker_journal_flush_seconds_total").raiseTo(flushMs / 1_000);
}

function readEngine(metrics: Metrics, { engine, readiness, systems }: FigureSources): void {
  metrics.gauge("tasker_actors").set(engine.supervisor.size);
  metrics.counter("tasker_actor_crashes_total").raiseTo(engine.supervisor.crashes);
  metrics.gauge("tasker_quarantined").set(engine.supervisor.quarantined.size);
  metrics.gauge("tasker_steps_running").set(engine.local.size);
  metrics.gauge("tasker_slots_owned").set(engine.ownership.owned);
  metrics.gauge("tasker_nodes_live").set(engine.ownership.live.length);
  metrics.gauge("tasker_readiness_bytes").set(readiness.bytesUsed());
  metrics.gauge("tasker_readiness_rust").set(readiness.kind === "rust" ? 1 : 0);
  for (const system of systems()) {
    const isOpen = engine.admission.circuit(system) === "open";
    metrics.gauge("tasker_circuit_open", system).set(isOpen ? 1 : 0);
  }
  for (const [workflow, count] of engine.starts.heldBack) {
    metrics.counter("tasker_starts_held_total", workflow).raiseTo(count);
  }
  for (const [workflow, count] of engine.lateStarts.pushedBack) {
    metrics.counter("tasker_starts_late_total", workflow).raiseTo(count);
  }
  for (const [system, count] of engine.switchFallbacks) {
    metrics.counter("tasker_switch_fallbacks_total", system).raiseTo(count);
  }
  for (const { name, running, waiting, saturation } of engine.admission.figures()) {
    metrics.gauge("tasker_system_attempts", name).set(running);
    metrics.gauge("tasker_system_waiting", name).set(waiting);
    metrics.gauge("tasker_system_saturated", name).set(saturation.isSaturated ? 1 : 0);
    metrics.gauge("tasker_system_queue_seconds", name).set(saturation.queueAgeMs / 1_000);
    metrics.gauge("tasker_system_attempts_per_step", name).set(saturation.attemptsPerStep);
    metrics.gauge("tasker_system_goodput", name).set(saturation.goodputPerS);
    metrics.gauge("tasker_system_throughput", name).set(saturation.throughputPerS);
  }
}

function readSystems(metrics: Metrics, { directory, engine }: FigureSources): void {
  for (const { name } of directory.systems) {
    const ejected = directory.ejected(name, engine.deps.runtime.now());
    metrics.gauge("tasker_instances_ejected", name).set(ejected.length);
  }
  const instances = [...directory.systems].flatMap((system) => system.instances);
  for (const [state, count] of Object.entries(countStates(instances))) {
    metrics.gauge("tasker_system_instances", state).set(count);
  }
}

/** What committed turns say. A label costs more than a step may: kinds are counted in a map. */
class TurnFigures {
  readonly #ran: HistogramSeries;
  readonly #waited: HistogramSeries;
  readonly #events = new Map<Event["kind"], number>();
  readonly #ends = new Map<TaskEnd, number>();
  #turns = 0;

  constructor(metrics: Metrics) {
    this.#ran = metrics.histogram("tasker_step_seconds");
    this.#waited = metrics.histogram("tasker_step_wait_seconds");
  }

  count(events: readonly Event[]): void {
    this.#turns++;
    for (const event of events) {
      increment(this.#events, event.kind);
      if (event.kind === "TaskEnded") increment(this.#ends, event.end);
      else if (event.kind === "StepStarted") this.#waited.observe(event.waitedMs / 1_000);
      else if ("ranMs" in event) this.#ran.observe(event.ranMs / 1_000);
    }
  }

  read(metrics: Metrics): void {
    metrics.counter("tasker_turns_total").raiseTo(this.#turns);
    for (const [kind, count] of this.#events) {
      metrics.counter("tasker_events_total", kind).raiseTo(count);
    }
    for (const [end, count] of this.#ends) {
      metrics.counter("tasker_tasks_ended_total", end).raiseTo(count);
    }
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
