/** The table of metrics: each is named here, and nowhere else. Durations are in seconds. */

/** What a metric is. */
export interface Metric<
  Kind extends "counter" | "gauge" | "histogram" = "counter" | "gauge" | "histogram",
  Labels extends readonly string[] = readonly string[],
> {
  readonly kind: Kind;
  readonly help: string;
  readonly labels: Labels;
  /** Upper bounds of a histogram's buckets. */
  readonly bounds: readonly number[];
}

/** 0.1 ms to 10 s: what commits and turns take. */
const QUICK_SECONDS = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 10];
/** 1 ms to 10 min: what steps take. */
const STEP_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 600];

function counter<const L extends readonly string[]>(help: string, ...labels: L) {
  return { kind: "counter", help, labels, bounds: [] } as const;
}

function gauge<const L extends readonly string[]>(help: string, ...labels: L) {
  return { kind: "gauge", help, labels, bounds: [] } as const;
}

function histogram<const L extends readonly string[]>(
  help: string,
  bounds: readonly number[],
  ...labels: L
) {
  return { kind: "histogram", help, labels, bounds } as const;
}

/** Every metric by its name. Labels are few-valued words, never ids. */
export const METRICS = {
  tasker_turns_total: counter("Turns taken by actors"),
  tasker_events_total: counter("Events recorded", "kind"),
  tasker_tasks_ended_total: counter("Tasks ended", "end"),
  tasker_actors: gauge("Actors in memory"),
  tasker_actor_crashes_total: counter("Actors that crashed and were loaded again"),
  tasker_quarantined: gauge("Tasks in quarantine"),
  tasker_journal_commits_total: counter("Flushes committed"),
  tasker_journal_rows_total: counter("Rows committed"),
  tasker_journal_bytes_total: counter("Bytes of events committed"),
  tasker_journal_flush_seconds_total: counter("Time in which a flush was on its way"),
  tasker_journal_queries_total: counter("Statements sent for the journal"),
  tasker_step_seconds: histogram("Time from an attempt's start to its end", STEP_SECONDS),
  tasker_step_wait_seconds: histogram("Time from ready to started", STEP_SECONDS),
  tasker_attempts_total: counter(
    "Attempts that ended, of each step; of whole tasks where the step is empty",
    ...["workflow", "step", "outcome"] as const,
  ),
  tasker_step_ran_seconds: gauge(
    "How long completed attempts of a step took, in this node's newest interval of about 10 s",
    ...["workflow", "step", "quantile"] as const,
  ),
  tasker_step_waited_seconds: gauge(
    "How long attempts of a step waited to start, in this node's newest interval of about 10 s",
    ...["workflow", "step", "quantile"] as const,
  ),
  tasker_steps_running: gauge("Local attempts running"),
  tasker_circuit_open: gauge("1 while a system's circuit is open", "system"),
  tasker_starts_late_total: counter(
    "Starts pushed back, as what waited already took too long for the task to be in time",
    "workflow",
  ),
  tasker_starts_held_total: counter(
    "Starts that a workflow's policy held back: they were answered 429, or wait in their broker",
    "workflow",
  ),
  tasker_switch_fallbacks_total: counter(
    "Attempts that did not go to the system that their policy switches them to",
    "system",
  ),
  tasker_system_attempts: gauge("Attempts of this node that run at a system", "system"),
  tasker_system_waiting: gauge("Steps of this node that wait for a system", "system"),
  tasker_instances_ejected: gauge("Instances that get no steps now", "system"),
  tasker_system_saturated: gauge(
    "1 while a system is sent more than it can do in time, as this node sees it",
    "system",
  ),
  tasker_system_queue_seconds: gauge("For how long the first step waits for a system", "system"),
  tasker_system_attempts_per_step: gauge(
    "Attempts at a system for each step, over 10 s; above 1.2, retries are a load",
    "system",
  ),
  tasker_system_goodput: gauge("Attempts a second that a system answered in time", "system"),
  tasker_system_throughput: gauge(
    "Attempts a second that a system worked off, with failures and late answers",
    "system",
  ),
  tasker_system_instances: gauge("Registered instances of other systems", "state"),
  tasker_slots_owned: gauge("Slots this node owns"),
  tasker_nodes_live: gauge("Nodes whose lease holds, as this node sees them"),
  tasker_bus_published_total: counter("Envelopes published", "outcome"),
  tasker_bus_consumed_total: counter("Envelopes consumed", "handled"),
  tasker_commands_lost_total: counter(
    "Commands that a broker lost, and that were sent again",
    "system",
  ),
  tasker_replies_refused_total: counter("Replies not accepted", "reason"),
  tasker_dead_letters_total: counter("Envelopes put aside as dead", "kind"),
  tasker_dead_letters: gauge("Dead letters that wait for a person", "system"),
  tasker_readiness_bytes: gauge("Bytes of open instances in the core"),
  tasker_readiness_rust: gauge("1 when the Rust core runs, 0 when its TypeScript twin does"),
  tasker_http_requests_total: counter("HTTP requests answered", "route", "code"),
  tasker_http_seconds: histogram("Time of one HTTP request, long polls left out", QUICK_SECONDS),
  tasker_http_waiting: gauge("Clients that wait: long polls and event streams"),
  tasker_stream_turns_encoded_total: counter("Turns encoded for event streams"),
  tasker_mcp_calls_total: counter("Calls of tools over MCP", ...["tool", "outcome"] as const),
  tasker_auth_refused_total: counter("Requests without a valid key", "reason"),
} as const satisfies Record<string, Metric>;

/** A metric's name. */
export type MetricName = keyof typeof METRICS;

/** The names of the metrics of one kind. */
export type MetricNameOf<Kind extends Metric["kind"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["kind"] extends Kind ? Name : never;
}[MetricName];

/** One text for each of a list of labels. */
type Texts<Labels extends readonly string[]> = { readonly [Index in keyof Labels]: string };

/** One text for each label of a metric, in the table's order. */
export type LabelsOf<Name extends MetricName> = Texts<(typeof METRICS)[Name]["labels"]>;
