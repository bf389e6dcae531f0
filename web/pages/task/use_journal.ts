/** The journal of one task, read to its end and then as it grows. */

import { useEffect, useState } from "react";
import { useClient } from "../../data/client.tsx";
import { History } from "./history.ts";

/** Entries that are shown at once, however many come. */
const SHOW_MS = 200;

/** What was read of a journal. */
export interface ReadJournal {
  /** One for each task; it grows, and `count` says that it did. */
  readonly history: History;
  /** Entries that are there. */
  readonly count: number;
  readonly error: unknown;
}

/** Reads a journal up to a turn, once each page; more when the turn rises. Cost: O(what is new). */
export function useJournal(id: string, turn: number): ReadJournal {
  const client = useClient();
  const [history] = useState(() => new History());
  const [read, setRead] = useState<Omit<ReadJournal, "history">>({ count: 0, error: undefined });
  useEffect(() => {
    const abort = new AbortController();
    const readOn = async () => {
      let shownAt = performance.now();
      const last = history.entries.at(-1)?.turn ?? 0;
      if (last >= turn) return;
      // Pages have whole turns, and one that has come is taken to its end even when this is aborted.
      for await (const entry of client.journal(id, { afterTurn: last, signal: abort.signal })) {
        history.append(entry);
        if (performance.now() - shownAt < SHOW_MS) continue;
        setRead({ count: history.entries.length, error: undefined });
        shownAt = performance.now();
      }
      setRead({ count: history.entries.length, error: undefined });
    };
    readOn().catch((error: unknown) => {
      if (!abort.signal.aborted) setRead((before) => ({ ...before, error }));
    });
    return () => abort.abort();
  }, [client, history, id, turn]);
  return { history, ...read };
}
