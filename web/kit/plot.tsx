/** A plot over time, with axes and units. */

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** One line of a plot. */
export interface Line {
  readonly label: string;
  /** One a time; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** The name of a colour in style.css, such as `--good`. */
  readonly color: string;
}

const HEIGHT = 200;

/** Draws lines over time. Shape: `times` in Unix ms, ascending; `unit` stands at the value axis. */
export function Plot({ caption, times, lines, unit }: {
  /** What it shows, in words: for those who do not see it. */
  readonly caption: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly unit: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const shape = lines.map(({ label, color }) => `${label} ${color}`).join() + unit;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new uPlot(optionsOf(lines, unit, element.clientWidth), [[]], element);
    plot.current = drawn;
    const resized = new ResizeObserver(() =>
      drawn.setSize({ width: element.clientWidth, height: HEIGHT })
    );
    resized.observe(element);
    // Colours are those of the theme: they are read again at each drawing.
    const themed = new MutationObserver(() => drawn.redraw());
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      drawn.destroy();
    };
  }, [shape]);
  useEffect(() => {
    const seconds = times.map((ms) => ms / 1_000);
    plot.current?.setData([seconds, ...lines.map(({ values }) => [...values])]);
  }, [times, lines, shape]);
  return <div ref={place} className="plot" role="img" aria-label={caption} />;
}

function optionsOf(lines: readonly Line[], unit: string, width: number): uPlot.Options {
  const axis = { stroke: () => colorOf("--muted"), grid: { stroke: () => colorOf("--line") } };
  return {
    width,
    height: HEIGHT,
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
    axes: [{ ...axis, values: (_, seconds) => seconds.map(timeOfDay) }, {
      ...axis,
      label: unit,
      labelSize: 20,
      size: 48,
    }],
    series: [
      {},
      ...lines.map(({ label, color }) => ({
        label,
        stroke: () => colorOf(color),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}

function timeOfDay(second: number): string {
  return new Date(second * 1_000).toTimeString().slice(0, 5);
}

function colorOf(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
