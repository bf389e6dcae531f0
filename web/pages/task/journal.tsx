/** The journal of a task: every event, the newest turn last; only those that are seen are drawn. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState } from "react";
import type { JournalEntry } from "../../../src/client.ts";
import { JsonView } from "../../kit/json_view.tsx";
import { clockText } from "../../kit/time.tsx";
import { entryText } from "./history.ts";

/** Pixels of a row that is closed. */
const ROW_HEIGHT = 28;

/** Fields of an entry that have a payload. */
const PAYLOADS = ["input", "output", "result", "payload", "failure"] as const;

/** The journal; an entry with a payload opens. */
export function Journal({ entries, count }: {
  /** An array that grows. */
  readonly entries: readonly JournalEntry[];
  readonly count: number;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useVirtualizer({
    count,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <div ref={scroll} className="rows journal" tabIndex={0} role="region" aria-label="Journal">
      <ol className="rows-all" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start }) => {
          const entry = entries[index];
          if (entry === undefined) return null;
          const key = `${entry.turn}.${entry.number}`;
          return (
            <li
              key={key}
              data-index={index}
              ref={rows.measureElement}
              className="entry"
              style={{ transform: `translateY(${start}px)` }}
            >
              <Entry
                entry={entry}
                isOpen={open.has(key)}
                onToggle={() => toggle(key)}
              />
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Entry({ entry, isOpen, onToggle }: {
  readonly entry: JournalEntry;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}) {
  const payload = PAYLOADS.find((field) => entry[field] !== undefined);
  return (
    <>
      <span className="number muted">{entry.turn}.{entry.number}</span>
      <span className="number muted">{clockText(entry.at)}</span>
      <strong>{entry.kind}</strong>
      <span>{entry.step}</span>
      <span className="muted entry-text">{entryText(entry)}</span>
      {payload !== undefined && (
        <button type="button" className="link" aria-expanded={isOpen} onClick={onToggle}>
          {payload}
        </button>
      )}
      {payload !== undefined && isOpen && (
        <JsonView
          value={entry[payload]}
          label={`${payload} of ${entry.kind}`}
        />
      )}
    </>
  );
}
