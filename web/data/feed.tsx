/** The live feed of a page: what changed on any node, and whether what is shown can be trusted. */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";

/** The server sends something every ten seconds; silence for longer is a lost connection. */
const SILENCE_MS = 25_000;

/** How often silence is looked for. */
const LOOK_MS = 5_000;

/** Reads that show tasks in general, beside those that name one by its id. */
const LISTS = /^(listTasks|countTasks|getStatistics|listIncidents|getIncident)$/;

/** How fresh the page is. */
export type Freshness =
  | { readonly kind: "live" }
  | { readonly kind: "paused"; readonly sinceMs: number }
  | { readonly kind: "reconnecting"; readonly sinceMs: number };

interface Feed {
  readonly freshness: Freshness;
  /** Whether the server now serves another version of this app. */
  readonly isOld: boolean;
  readonly pause: () => void;
  readonly resume: () => void;
}

const FeedContext = createContext<Feed | undefined>(undefined);

/** How fresh this page is, and how to pause it. */
export function useFeed(): Feed {
  const feed = useContext(FeedContext);
  if (feed === undefined) throw new Error("Cannot follow changes outside of a FeedProvider");
  return feed;
}

/** One event of the stream. */
interface Changes {
  readonly tasks: readonly { readonly id: string }[];
  readonly isMore: boolean;
  readonly listsMs: number;
}

/** The build that this page was loaded from: its own script is in a folder of that name. */
const BUILD = /\/assets\/([^/]+)\//.exec(import.meta.url)?.[1];

/**
 * Follows changes while the page is seen and not paused, and has what changed read again. A page that
 * nobody sees holds no connection: browsers allow six to a server, for all their tabs together.
 */
export function FeedProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const [freshness, setFreshness] = useState<Freshness>(() => reconnecting(Date.now()));
  const [isPaused, setPaused] = useState(false);
  const [isOld, setOld] = useState(false);
  const isSeen = useIsSeen();
  useEffect(() => {
    if (isPaused || !isSeen) return;
    let isLive = false;
    return follow({
      onChanges: async (changes) => {
        if (isLive) return readAgain(queries, changes);
        isLive = true;
        // What was read before the connection is not called live before it has been read again.
        await queries.invalidateQueries({}, { cancelRefetch: false });
        if (isLive) setFreshness({ kind: "live" });
      },
      onOpened: () => void isNewerServed().then((isNewer) => isNewer && setOld(true)),
      onLost: (heardAtMs) => {
        isLive = false;
        setFreshness((now) => now.kind === "live" ? reconnecting(heardAtMs) : now);
      },
    });
  }, [isPaused, isSeen, queries]);
  const feed = useMemo(() => ({
    freshness,
    isOld,
    pause: () => {
      setPaused(true);
      setFreshness({ kind: "paused", sinceMs: Date.now() });
    },
    resume: () => {
      setPaused(false);
      setFreshness((now) => now.kind === "paused" ? reconnecting(now.sinceMs) : now);
    },
  }), [freshness, isOld]);
  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>;
}

/** Whether the page is seen: its tab is in front. */
function useIsSeen(): boolean {
  return useSyncExternalStore((changed) => {
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, () => document.visibilityState === "visible");
}

/** Whether the server, which may be another one since the last connection, has another app. */
async function isNewerServed(): Promise<boolean> {
  try {
    const page = await (await fetch("/", { cache: "no-cache" })).text();
    const served = /\/assets\/([^/]+)\/main\.js/.exec(page)?.[1];
    return served !== undefined && served !== BUILD;
  } catch {
    return false;
  }
}

function reconnecting(sinceMs: number): Freshness {
  return { kind: "reconnecting", sinceMs };
}

/** Opens the stream, and opens it again when it is silent or was refused. Returns how to end it. */
function follow({ onChanges, onOpened, onLost }: {
  readonly onOpened: () => void;
  readonly onChanges: (changes: Changes) => void;
  /** Gets when the last event came: the page shows what was true then. */
  readonly onLost: (heardAtMs: number) => void;
}): () => void {
  let heardAtMs = Date.now();
  let openedAtMs = heardAtMs;
  let source = open();
  function open(): EventSource {
    const opened = new EventSource("/v1/changes");
    opened.onmessage = ({ data }) => {
      // A sleeping machine wakes up with events from before: what it shows is as old as its sleep.
      if (Date.now() - heardAtMs > SILENCE_MS) onLost(heardAtMs);
      heardAtMs = Date.now();
      onChanges(JSON.parse(data));
    };
    opened.onopen = onOpened;
    // The browser connects again by itself, with the id of the last event; a refusal ends it.
    opened.onerror = () => onLost(heardAtMs);
    return opened;
  }
  const timer = setInterval(() => {
    const isSilent = Date.now() - Math.max(heardAtMs, openedAtMs) > SILENCE_MS;
    if (isSilent) onLost(heardAtMs);
    if (!isSilent && source.readyState !== EventSource.CLOSED) return;
    source.close();
    openedAtMs = Date.now();
    source = open();
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    source.close();
    onLost(heardAtMs);
  };
}

let listsReadAtMs = 0;
let listsTimer: ReturnType<typeof setTimeout> | undefined;

/** Has reads of changed tasks sent again at once, and lists at a bounded rate. */
function readAgain(queries: QueryClient, { tasks, isMore, listsMs }: Changes): void {
  if (tasks.length === 0 && !isMore) return;
  const ids = new Set(tasks.map(({ id }) => id));
  void queries.invalidateQueries({
    predicate: ({ queryKey: [, input] }) => {
      const { id } = (typeof input === "object" && input !== null ? input : {}) as { id?: string };
      return id !== undefined && (isMore || ids.has(id));
    },
  });
  if (listsTimer !== undefined) return;
  listsTimer = setTimeout(() => {
    listsTimer = undefined;
    listsReadAtMs = Date.now();
    void queries.invalidateQueries({
      predicate: ({ queryKey: [name] }) => LISTS.test(String(name)),
    });
  }, Math.max(0, listsReadAtMs + listsMs - Date.now()));
}
