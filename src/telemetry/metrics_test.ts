import { deepEqual, equal, match, ok } from "node:assert/strict";
import { METRICS } from "./metric_table.ts";
import { Metrics, SERIES_MAX } from "./metrics.ts";

/** The lines of one metric's series. */
async function seriesOf(metrics: Metrics, name: string): Promise<readonly string[]> {
  return (await metrics.text()).split("\n").filter((line) => line.startsWith(name));
}

Deno.test("text() gives counters and gauges with help, type and labels", async () => {
  const metrics = new Metrics();

  metrics.counter("tasker_events_total", "TaskStarted").add();
  metrics.counter("tasker_events_total", "TaskStarted").add(2);
  metrics.gauge("tasker_actors").set(5);

  deepEqual((await metrics.text()).split("\n").filter((line) => line !== ""), [
    "# HELP tasker_events_total Events recorded",
    "# TYPE tasker_events_total counter",
    'tasker_events_total{kind="TaskStarted"} 3',
    "# HELP tasker_actors Actors in memory",
    "# TYPE tasker_actors gauge",
    "tasker_actors 5",
  ]);
});

Deno.test("text() gives a histogram's buckets as sums from below", async () => {
  const metrics = new Metrics();
  const steps = metrics.histogram("tasker_step_seconds");

  for (const value of [0.001, 0.001, 0.02, 5_000]) steps.observe(value);

  const lines = await seriesOf(metrics, "tasker_step_seconds");
  ok(lines.includes('tasker_step_seconds_bucket{le="0.001"} 2'));
  ok(lines.includes('tasker_step_seconds_bucket{le="0.05"} 3'));
  ok(lines.includes('tasker_step_seconds_bucket{le="600"} 3'));
  ok(lines.includes('tasker_step_seconds_bucket{le="+Inf"} 4'));
  ok(lines.includes("tasker_step_seconds_sum 5000.022"));
  ok(lines.includes("tasker_step_seconds_count 4"));
});

Deno.test("text() escapes labels", async () => {
  const metrics = new Metrics();

  metrics.gauge("tasker_circuit_open", 'a"b\\c\nd').set(1);

  match(await metrics.text(), /\{system="a\\"b\\\\c\\nd"\} 1/);
});

Deno.test("beforeText() copies figures before each exposition", async () => {
  const metrics = new Metrics();
  const rows = metrics.counter("tasker_journal_rows_total");
  let counted = 4;
  metrics.beforeText(() => rows.raiseTo(counted));

  const before = await seriesOf(metrics, "tasker_journal_rows_total");
  counted = 9;
  const after = await seriesOf(metrics, "tasker_journal_rows_total");

  deepEqual(before, ["tasker_journal_rows_total 4"]);
  deepEqual(after, ["tasker_journal_rows_total 9"]);
});

Deno.test("a metric keeps at most SERIES_MAX series and one for the rest", async () => {
  const metrics = new Metrics();

  for (let index = 0; index < SERIES_MAX + 50; index++) {
    metrics.gauge("tasker_circuit_open", `system_${index}`).add(1);
  }

  const lines = await seriesOf(metrics, "tasker_circuit_open{");
  equal(lines.length, SERIES_MAX + 1);
  ok(lines.includes('tasker_circuit_open{system="other"} 50'));
});

Deno.test("every metric follows the naming rules of Prometheus", () => {
  const odd = Object.entries(METRICS).filter(([name, metric]) =>
    !/^tasker_[a-z_]+$/.test(name) || (metric.kind === "counter") !== name.endsWith("_total")
  );

  deepEqual(odd, []);
});
