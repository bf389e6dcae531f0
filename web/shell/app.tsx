/** The app: who is signed in, the frame, and the page of the address. */

import { QueryCache, QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { ClientError } from "../../src/client.ts";
import { useClient } from "../data/client.tsx";
import { FeedProvider } from "../data/feed.tsx";
import { type Session, SessionProvider } from "../data/session.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { SignIn, takeReturnPath } from "../pages/sign_in.tsx";
import { Frame } from "./frame.tsx";
import { Pages } from "./routes.tsx";

const SESSION = ["session"];

/** What was read is shown at once when a page is opened again, and asked for again. */
const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 1_000, retry: shouldRetry } },
  // Any answer may be the first that says that the session has ended.
  queryCache: new QueryCache({
    onError: (error, { queryKey }) => {
      if (isSignedOut(error) && queryKey[0] !== SESSION[0]) {
        void queries.invalidateQueries({ queryKey: SESSION });
      }
    },
  }),
});

/** The whole app. */
export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Gate />
    </QueryClientProvider>
  );
}

/** Lets those who are signed in to the pages, and asks the others who they are. */
function Gate() {
  const client = useClient();
  const [, navigate] = useLocation();
  const [wasSignedIn, setWasSignedIn] = useState(false);
  const own = useQuery({
    queryKey: SESSION,
    queryFn: async ({ signal }): Promise<Session | null> => {
      try {
        return await client.call("getOwnKey", {}, { signal });
      } catch (error) {
        if (isSignedOut(error)) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
  useEffect(() => {
    if (!own.data) return;
    setWasSignedIn(true);
    const path = takeReturnPath();
    if (path !== undefined && location.pathname === "/") navigate(path, { replace: true });
  }, [own.data, navigate]);
  if (own.data === undefined) {
    return own.error === null ? <p className="pad muted">Loading …</p> : (
      <div className="pad">
        <ErrorNote error={own.error} onRetry={() => void own.refetch()} />
      </div>
    );
  }
  if (own.data === null) {
    return (
      <SignIn
        hasEnded={wasSignedIn}
        onSignedIn={(session) => queries.setQueryData(SESSION, session)}
      />
    );
  }
  const signOut = async () => {
    await client.call("endSession", {});
    setWasSignedIn(false);
    // The next person in this tab shall not find the draft of the one before.
    sessionStorage.clear();
    queries.clear();
    queries.setQueryData(SESSION, null);
  };
  return (
    <SessionProvider value={own.data}>
      <FeedProvider>
        <Frame onSignOut={() => void signOut()}>
          <Pages />
        </Frame>
      </FeedProvider>
    </SessionProvider>
  );
}

function isSignedOut(error: unknown): boolean {
  return error instanceof ClientError && error.code === "api.unauthorized";
}

function shouldRetry(count: number, error: Error): boolean {
  return count < 3 && !(error instanceof ClientError && error.retry === "never");
}
