/** The server as pages see it: the typed client on the session of this browser. */

import { createContext, useContext } from "react";
import { type Client, openClient } from "../../src/client.ts";

/** Pages show at once that the server does not answer; queries try again by themselves. */
const RETRY_FOR_MS = 2_000;

/** Opens the client. */
export function openPageClient(key: string | undefined): Client {
  return openClient({
    url: location.origin,
    retryForMs: RETRY_FOR_MS,
    ...(key === undefined ? {} : { key }),
  });
}

const ClientContext = createContext<Client | undefined>(undefined);

/** Gives the pages below it their client. */
export const ClientProvider = ClientContext.Provider;

/** The client of this page. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error("Cannot ask the server outside of a ClientProvider");
  return client;
}
