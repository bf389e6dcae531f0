/** The time line of a task: each step's attempts, what it waited for apart from what ran. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useMemo, useRef } from "react";
import type { Step } from "../../../src/client.ts";
import { StateBadge } from "../../kit/state_badge.tsx";
import { durationText } from "../../kit/time.tsx";
import type { Attempt } from "./history.ts";

/** Pixels of a row. */
const ROW_HEIGHT = 28;
/** Marks of the axis. */
const TICKS = 6;
/** Attempts of one step that are drawn; a step that failed for days has more. */
const DRAWN_MAX = 200;

/** What a time line shows. */
interface GanttProps {
  readonly steps: readonly Step[];
  readonly attempts: ReadonlyMap<string, readonly Attempt[]>;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly selected: string | undefined;
  readonly onSelect: (step: string) => void;
}

/** Draws the steps as rows; only those that are seen. */
export function Gantt({ steps, attempts, fromMs, untilMs, selected, onSelect }: GanttProps) {
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
                bars={{ attempts: attempts.get(step.name) ?? [], fromMs, spanMs, untilMs }}
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
  readonly bars: Omit<BarsProps, "kind">;
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
      <Bars kind={step.kind} {...bars} />
    </div>
  );
}

function Legend() {
  return (
    <p className="muted legend">
      <span className="bar waited" /> waited to start <span className="bar completed" /> ran{" "}
      <span className="bar failed" /> failed <span className="bar held" />{" "}
      waits for a reply, a time or a person
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
  readonly attempts: readonly Attempt[];
  readonly kind: Step["kind"];
  readonly fromMs: number;
  readonly spanMs: number;
  readonly untilMs: number;
}

function Bars({ attempts, kind, fromMs, spanMs, untilMs }: BarsProps) {
  const drawn = useMemo(() => attempts.slice(-DRAWN_MAX), [attempts]);
  const place = (startMs: number, endMs: number) => ({
    left: `${(startMs - fromMs) / spanMs * 100}%`,
    width: `max(2px, ${(endMs - startMs) / spanMs * 100}%)`,
  });
  return (
    <span className="gantt-bars">
      {drawn.map(({ attempt, readyMs, startMs, endMs = untilMs, outcome }) => {
        const isHeld = kind === "sleep" || kind === "signal";
        const name = isHeld && outcome !== "failed" ? "held" : outcome;
        const title = `attempt ${attempt}: waited ${durationText(startMs - readyMs)}, ` +
          `${outcome} after ${durationText(endMs - startMs)}`;
        return (
          <span key={startMs} title={title}>
            {startMs > readyMs && (
              <span className="bar waited" style={place(Math.max(readyMs, fromMs), startMs)} />
            )}
            <span className={`bar ${name}`} style={place(startMs, endMs)} />
          </span>
        );
      })}
    </span>
  );
}
