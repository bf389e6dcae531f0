import { deepEqual, equal, match, ok } from "node:assert/strict";
import { METRICS } from "./metric_table.ts";
import { Metrics, SERIES_MAX } from "./metrics.ts";

Deno.test("text() gives counters and gauges with help, type and labels", () => {
  const metrics = new Metrics();

  metrics.counter("tasker_commands_total", "StartTask", "accepted").add();
  metrics.counter("tasker_commands_total", "StartTask", "accepted").add(2);
  metrics.gauge("tasker_actors").set(5);

  equal(
    metrics.text(),
    [
      "# HELP tasker_commands_total Commands decided",
      "# TYPE tasker_commands_total counter",
      'tasker_commands_total{kind="StartTask",outcome="accepted"} 3',
      "# HELP tasker_actors Actors in memory",
      "# TYPE tasker_actors gauge",
      "tasker_actors 5",
      "",
    ].join("\n"),
  );
});

Deno.test("text() gives a histogram's buckets as sums from below", () => {
  const metrics = new Metrics();
  const rows = metrics.histogram("tasker_journal_flush_rows");

  for (const value of [1, 1, 3, 5_000]) rows.observe(value);

  const lines = metrics.text().split("\n");
  ok(lines.includes('tasker_journal_flush_rows_bucket{le="1"} 2'));
  ok(lines.includes('tasker_journal_flush_rows_bucket{le="5"} 3'));
  ok(lines.includes('tasker_journal_flush_rows_bucket{le="1000"} 3'));
  ok(lines.includes('tasker_journal_flush_rows_bucket{le="+Inf"} 4'));
  ok(lines.includes("tasker_journal_flush_rows_sum 5005"));
  ok(lines.includes("tasker_journal_flush_rows_count 4"));
});

Deno.test("text() escapes labels", () => {
  const metrics = new Metrics();

  metrics.gauge("tasker_circuit_open", 'a"b\\c\nd').set(1);

  match(metrics.text(), /\{system="a\\"b\\\\c\\nd"\} 1/);
});

Deno.test("beforeText() copies figures before each exposition", () => {
  const metrics = new Metrics();
  const rows = metrics.counter("tasker_journal_rows_total");
  let counted = 4;
  metrics.beforeText(() => rows.raiseTo(counted));

  metrics.text();
  counted = 9;

  match(metrics.text(), /tasker_journal_rows_total 9/);
});

Deno.test("a metric keeps at most SERIES_MAX series and one for the rest", () => {
  const metrics = new Metrics();

  for (let index = 0; index < SERIES_MAX + 50; index++) {
    metrics.gauge("tasker_circuit_open", `system_${index}`).add(1);
  }

  const lines = metrics.text().split("\n").filter((line) =>
    line.startsWith("tasker_circuit_open{")
  );
  equal(lines.length, SERIES_MAX + 1);
  ok(lines.includes('tasker_circuit_open{system="other"} 50'));
});

Deno.test("every metric follows the naming rules of Prometheus", () => {
  const odd = Object.entries(METRICS).filter(([name, metric]) =>
    !/^tasker_[a-z_]+$/.test(name) || (metric.kind === "counter") !== name.endsWith("_total")
  );

  deepEqual(odd, []);
});
