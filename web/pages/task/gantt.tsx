/** The time line of a task: each step's attempts, what it waited for apart from what ran. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, type MouseEvent, type ReactNode, useRef } from "react";
import type { Step } from "../../../src/client.ts";
import { StateBadge } from "../../kit/state_badge.tsx";
import { durationText } from "../../kit/time.tsx";
import type { Attempt, History } from "./history.ts";

/** Pixels of a row. */
const ROW_HEIGHT = 28;
/** Marks of the axis. */
const TICKS = 6;
/** Units of a bar's width: what is closer than one is drawn as one, so there are never more. */
const UNITS = 1_000;
/** The shortest bar, in units. */
const UNITS_MIN = 3;

/** What the bars mean, by their kind. */
const LEGEND = [
  ["waited", "waited to start"],
  ["completed", "ran"],
  ["failed", "failed"],
  ["held", "waits for a reply, a time or a person"],
] as const;

/** What a time line shows. */
interface GanttProps {
  readonly steps: readonly Step[];
  readonly history: History;
  /** Entries of the history: it grows. */
  readonly count: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly selected: string | undefined;
  readonly onSelect: (step: string) => void;
}

/** Draws the steps as rows; only those that are seen. */
export function Gantt({ steps, history, fromMs, untilMs, selected, onSelect }: GanttProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: steps.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
  });
  const spanMs = Math.max(1, untilMs - fromMs);
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const at = steps.findIndex(({ name }) => name === selected) + move;
    const next = steps[Math.min(Math.max(at, 0), steps.length - 1)];
    if (next === undefined) return;
    onSelect(next.name);
    rows.scrollToIndex(steps.indexOf(next));
  };
  return (
    <div className="gantt">
      <Axis spanMs={spanMs} />
      <div
        ref={scroll}
        className="gantt-rows"
        role="listbox"
        tabIndex={0}
        aria-label="Steps over time"
        aria-activedescendant={selected === undefined ? undefined : `step-${selected}`}
        onKeyDown={onKeyDown}
      >
        <div className="rows-all" style={{ height: rows.getTotalSize() }} role="presentation">
          {rows.getVirtualItems().map(({ index, start }) => {
            const step = steps[index];
            return step && (
              <Row
                key={step.name}
                step={step}
                top={start}
                isSelected={step.name === selected}
                onSelect={onSelect}
                bars={<Bars {...barsOf(step, history)} {...{ fromMs, spanMs, untilMs }} />}
              />
            );
          })}
        </div>
      </div>
      <Legend />
    </div>
  );
}

function Row({ step, top, isSelected, onSelect, bars }: {
  readonly step: Step;
  readonly top: number;
  readonly isSelected: boolean;
  readonly onSelect: (step: string) => void;
  readonly bars: ReactNode;
}) {
  return (
    <div
      id={`step-${step.name}`}
      role="option"
      aria-selected={isSelected}
      className="gantt-row"
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(step.name)}
    >
      <span className="gantt-name" title={step.name}>{step.name}</span>
      <StateBadge state={step.state} />
      {bars}
    </div>
  );
}

function Legend() {
  return (
    <p className="muted legend">
      {LEGEND.map(([kind, text]) => (
        <span key={kind}>
          <span className={`bar ${kind}`} /> {text}
        </span>
      ))}
    </p>
  );
}

function Axis({ spanMs }: { readonly spanMs: number }) {
  const marks = Array.from({ length: TICKS }, (_, tick) => tick / (TICKS - 1));
  return (
    <div className="gantt-axis" aria-hidden="true">
      {marks.map((share) => (
        <span key={share} style={{ left: `${share * 100}%` }}>{durationText(share * spanMs)}</span>
      ))}
    </div>
  );
}

/** The attempts of one step, and the time that the line is of. */
interface BarsProps {
  /** An array that grows; `last` is new whenever it did or its last attempt ended. */
  readonly attempts: readonly Attempt[];
  readonly last: Attempt | undefined;
  readonly isHeld: boolean;
  readonly fromMs: number;
  readonly spanMs: number;
  readonly untilMs: number;
}

function barsOf({ name, kind }: Step, history: History) {
  const attempts = history.attemptsOf(name);
  return { attempts, last: attempts.at(-1), isHeld: kind === "sleep" || kind === "signal" };
}

/** The attempts of one step, as one path for each kind of bar, however many they are. */
const Bars = memo(({ attempts, isHeld, fromMs, spanMs, untilMs }: BarsProps) => {
  const unitOf = (ms: number) => Math.max(0, (ms - fromMs) / spanMs * UNITS);
  const paths = new Map<string, Path>();
  const draw = (name: string, fromMs: number, untilMs: number) => {
    const path = paths.get(name) ?? new Path();
    path.add(unitOf(fromMs), unitOf(untilMs));
    paths.set(name, path);
  };
  for (const { readyMs, startMs, endMs = untilMs, outcome } of attempts) {
    if (startMs > readyMs) draw("waited", readyMs, startMs);
    draw(isHeld && outcome !== "failed" ? "held" : outcome, startMs, endMs);
  }
  const name = ({ currentTarget, clientX }: MouseEvent<SVGSVGElement>) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    const atMs = fromMs + (clientX - left) / width * spanMs;
    const title = currentTarget.querySelector("title");
    if (title !== null) title.textContent = titleAt(attempts, atMs, untilMs);
  };
  return (
    <svg
      className="gantt-bars"
      viewBox={`0 0 ${UNITS} 10`}
      preserveAspectRatio="none"
      aria-hidden="true"
      onMouseMove={name}
    >
      <title />
      {[...paths].map(([kind, path]) => (
        <path key={kind} className={`bar-path ${kind}`} d={path.text()} />
      ))}
    </svg>
  );
});

/** Lines of one kind, from left to right; those that touch are one. */
class Path {
  #text = "";
  #from = 0;
  #until = -1;

  add(from: number, until: number): void {
    const end = Math.max(until, from + UNITS_MIN);
    if (this.#until >= 0 && from <= this.#until + 1) {
      this.#until = Math.max(this.#until, end);
      return;
    }
    this.#close();
    [this.#from, this.#until] = [from, end];
  }

  #close(): void {
    if (this.#until >= 0) this.#text += `M${this.#from.toFixed(1)} 5H${this.#until.toFixed(1)}`;
  }

  text(): string {
    this.#close();
    return this.#text;
  }
}

/** What the attempt at a time did; the last one that began before it. */
function titleAt(attempts: readonly Attempt[], atMs: number, untilMs: number): string {
  const found = attempts.findLast(({ readyMs }) => readyMs <= atMs);
  if (found === undefined) return "not ready yet";
  const { attempt, readyMs, startMs, endMs = untilMs, outcome } = found;
  return `attempt ${attempt}: waited ${durationText(startMs - readyMs)}, ` +
    `${outcome} after ${durationText(endMs - startMs)}`;
}
