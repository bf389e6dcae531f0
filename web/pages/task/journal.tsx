/** The journal of a task: every event, the newest turn last; only those that are seen are drawn. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState } from "react";
import type { JournalEntry } from "../../../src/client.ts";
import type { Definition, JsonSchema } from "../../../src/core/workflow.ts";
import { JsonView } from "../../kit/json_view.tsx";
import { clockText } from "../../kit/time.tsx";
import { entryText } from "./history.ts";

/** Pixels of a row that is closed. */
const ROW_HEIGHT = 28;

/** Fields of an entry that have a payload. */
const PAYLOADS = ["input", "output", "result", "payload", "failure"] as const;

/** The journal; an entry with a payload opens. */
export function Journal({ entries, definition }: {
  readonly entries: readonly JournalEntry[];
  readonly definition: Definition | undefined;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useVirtualizer({
    count: entries.length,
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
                definition={definition}
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

function Entry({ entry, definition, isOpen, onToggle }: {
  readonly entry: JournalEntry;
  readonly definition: Definition | undefined;
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
          schema={contractOf(definition, entry, payload)}
          label={`${payload} of ${entry.kind}`}
        />
      )}
    </>
  );
}

/** The contract of a payload, which says what of it is not to be shown. */
function contractOf(
  definition: Definition | undefined,
  { step }: JournalEntry,
  payload: (typeof PAYLOADS)[number],
): JsonSchema | undefined {
  if (payload === "input") return definition?.input;
  if (payload === "output") return definition?.output?.success;
  const contract = definition?.steps.find(({ name }) => name === step)?.contract;
  if (payload !== "failure") return contract?.success;
  return contract?.error && { properties: { error: contract.error } };
}
