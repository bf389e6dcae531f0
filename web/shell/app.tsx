/** The app: who is signed in, the frame, and the page of the address. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ClientError } from "../../src/client.ts";
import { ClientProvider, openPageClient } from "../data/client.tsx";
import { SignIn } from "../pages/sign_in.tsx";
import { Frame } from "./frame.tsx";
import { Pages } from "./routes.tsx";

/** What was read is shown at once when a page is opened again, and asked for again. */
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      retry: (count, error) =>
        count < 3 && !(error instanceof ClientError && error.retry === "never"),
    },
  },
});

/** The whole app. */
export function App() {
  const [key, setKey] = useState<string>();
  const client = useMemo(() => openPageClient(key), [key]);
  if (key === undefined) return <SignIn onSignedIn={setKey} />;
  return (
    <QueryClientProvider client={queries}>
      <ClientProvider value={client}>
        <Frame
          onSignOut={() => {
            queries.clear();
            setKey(undefined);
          }}
        >
          <Pages />
        </Frame>
      </ClientProvider>
    </QueryClientProvider>
  );
}
