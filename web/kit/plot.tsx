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

/** A moment that is marked. */
export interface Mark {
  readonly atMs: number;
  /** One or two words. */
  readonly label: string;
}

const HEIGHT = 200;

/** No mark; always the same value, so that a plot without marks is not drawn anew. */
const UNMARKED: readonly Mark[] = [];

/**
 * Draws lines over time. Shape: `times` in Unix ms, ascending; `unit` stands at the value axis; `marks`
 * are drawn as vertical lines with their words.
 */
export function Plot({ caption, times, lines, unit, marks = UNMARKED }: {
  /** What it shows, in words: for those who do not see it. */
  readonly caption: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly unit: string;
  readonly marks?: readonly Mark[];
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const shape = lines.map(({ label, color }) => `${label} ${color}`).join() + unit;
  const marked = useRef(marks);
  marked.current = marks;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new uPlot(
      {
        ...optionsOf(lines, unit, element.clientWidth),
        hooks: { draw: [(plot) => drawMarks(plot, marked.current)], setLegend: [showNewest] },
      },
      [[]],
      element,
    );
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
  }, [times, lines, marks, shape]);
  return <div ref={place} className="plot" role="img" aria-label={caption} />;
}

function optionsOf(lines: readonly Line[], unit: string, width: number): uPlot.Options {
  const axis = { stroke: () => colorOf("--muted"), grid: { stroke: () => colorOf("--line") } };
  return {
    width,
    height: HEIGHT,
    // A line at the very top would be cut in half.
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max) * 1.05] } },
    axes: [{ ...axis, values: (_, seconds) => timesOfDay(seconds) }, {
      ...axis,
      label: unit,
      labelSize: 20,
      size: 48,
    }],
    series: [
      { value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      ...lines.map(({ label, color }) => ({
        label,
        stroke: () => colorOf(color),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}

/** Shows the newest values in the legend while nobody points at others. */
function showNewest(plot: uPlot): void {
  const { data: [, ...lines], legend } = plot;
  const newest = Math.max(-1, ...lines.map((line) => line.findLastIndex((one) => one != null)));
  if (legend.idx == null && newest >= 0) plot.setLegend({ idx: newest }, false);
}

/** Each mark is a dashed line; its word stands beside it, lower than the one before. */
function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox: { left, top, width, height } } = plot;
  const unit = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colorOf("--text");
  ctx.setLineDash([4 * unit, 4 * unit]);
  ctx.font = `${11 * unit}px system-ui, sans-serif`;
  marks.forEach(({ atMs, label }, at) => {
    const x = plot.valToPos(atMs / 1_000, "x", true);
    if (x < left || x > left + width) return;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    const isLeft = x > left + width * 0.8;
    ctx.textAlign = isLeft ? "right" : "left";
    ctx.fillText(label, x + (isLeft ? -4 : 4) * unit, top + (12 + 14 * at) * unit);
  });
  ctx.restore();
}

/** To the second where ticks are less than a minute apart. */
function timesOfDay(seconds: readonly number[]): string[] {
  const [first = 0, second = Infinity] = seconds;
  const length = second - first < 60 ? 8 : 5;
  return seconds.map((at) => new Date(at * 1_000).toTimeString().slice(0, length));
}

function colorOf(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
