/** The journal of one task, read to its end and then as it grows. */

import { useEffect, useRef, useState } from "react";
import type { JournalEntry } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";

/** Entries that are shown at once, however many come: each showing costs a pass over all rows. */
const SHOW_MS = 200;

/** What was read of a journal. */
export interface ReadJournal {
  readonly entries: readonly JournalEntry[];
  /** Whether all turns up to the one that was asked for are there. */
  readonly isComplete: boolean;
  readonly error: unknown;
}

/** Reads a journal up to a turn, once each page; more when the turn rises. */
export function useJournal(id: string, turn: number | undefined): ReadJournal {
  const client = useClient();
  const entries = useRef<JournalEntry[]>([]);
  const [journal, setJournal] = useState<ReadJournal>({
    entries: [],
    isComplete: false,
    error: undefined,
  });
  useEffect(() => {
    if (turn === undefined) return;
    const abort = new AbortController();
    const read = async () => {
      let shownAt = performance.now();
      const afterTurn = entries.current.at(-1)?.turn ?? 0;
      if (afterTurn >= turn) return;
      for await (const entry of client.journal(id, { afterTurn, signal: abort.signal })) {
        entries.current.push(entry);
        if (performance.now() - shownAt < SHOW_MS) continue;
        setJournal({ entries: [...entries.current], isComplete: false, error: undefined });
        shownAt = performance.now();
      }
      setJournal({ entries: [...entries.current], isComplete: true, error: undefined });
    };
    read().catch((error: unknown) => {
      if (!abort.signal.aborted) setJournal((before) => ({ ...before, error }));
    });
    return () => {
      abort.abort();
      // A turn that was read in part is read again as a whole.
      const last = entries.current.at(-1)?.turn;
      entries.current = entries.current.filter((entry) => entry.turn !== last);
    };
  }, [client, id, turn]);
  return journal;
}
