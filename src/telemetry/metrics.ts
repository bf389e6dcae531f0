/** Metrics: instruments by name and labels, and their text for Prometheus. */

import { Counter, Gauge, Histogram, type Instrument } from "./instrument.ts";
import { type LabelsOf, type Metric, type MetricNameOf, METRICS } from "./metric_table.ts";

/** More label combinations of one metric than this share one series with the labels "other". */
export const SERIES_MAX = 1_000;

/** The media type of `text()`. */
export const METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One instrument under its labels. */
interface Series {
  readonly labels: readonly string[];
  readonly instrument: Instrument;
}

/**
 * Keeps all instruments of a process.
 *
 * Cost: asking for an instrument is a map look-up (0.1 µs); hot paths ask once and keep it.
 */
export class Metrics {
  readonly #series = new Map<string, Map<string, Series>>();
  readonly #readers: (() => void)[] = [];

  counter<Name extends MetricNameOf<"counter">>(name: Name, ...labels: LabelsOf<Name>): Counter {
    return this.#find(name, labels, () => new Counter());
  }

  gauge<Name extends MetricNameOf<"gauge">>(name: Name, ...labels: LabelsOf<Name>): Gauge {
    return this.#find(name, labels, () => new Gauge());
  }

  histogram<Name extends MetricNameOf<"histogram">>(
    name: Name,
    ...labels: LabelsOf<Name>
  ): Histogram {
    return this.#find(name, labels, () => new Histogram(METRICS[name].bounds));
  }

  /** Calls before each exposition: the place to copy figures that are counted elsewhere. */
  beforeText(read: () => void): void {
    this.#readers.push(read);
  }

  /** Returns all metrics in Prometheus' text format 0.0.4. */
  text(): string {
    for (const read of this.#readers) read();
    return Object.entries(METRICS).map(([name, metric]) => this.#exposition(name, metric)).join("");
  }

  #find<I extends Instrument>(name: string, labels: readonly string[], make: () => I): I {
    let series = this.#series.get(name);
    if (series === undefined) this.#series.set(name, series = new Map());
    const key = labels.join("\u0000");
    const found = series.get(key);
    if (found !== undefined) return found.instrument as I;
    if (series.size >= SERIES_MAX && labels.some((label) => label !== "other")) {
      return this.#find(name, labels.map(() => "other"), make);
    }
    const instrument = make();
    series.set(key, { labels: [...labels], instrument });
    return instrument;
  }

  #exposition(name: string, metric: Metric): string {
    const series = this.#series.get(name);
    if (series === undefined) return "";
    const lines = [...series.values()].flatMap(({ labels, instrument }) => {
      const pairs = metric.labels.map((label, index) =>
        `${label}="${escape(labels[index] ?? "")}"`
      );
      return instrument instanceof Histogram
        ? histogramLines(name, pairs, instrument)
        : [`${name}${braced(pairs)} ${instrument.value}`];
    });
    return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.kind}\n${lines.join("\n")}\n`;
  }
}

function histogramLines(
  name: string,
  pairs: readonly string[],
  { bounds, counts, sum, count }: Histogram,
): string[] {
  let below = 0;
  const buckets = [...bounds, Infinity].map((bound, index) => {
    below += counts[index] ?? 0;
    const le = bound === Infinity ? "+Inf" : String(bound);
    return `${name}_bucket${braced([...pairs, `le="${le}"`])} ${below}`;
  });
  return [
    ...buckets,
    `${name}_sum${braced(pairs)} ${sum}`,
    `${name}_count${braced(pairs)} ${count}`,
  ];
}

function braced(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
