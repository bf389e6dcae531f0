/** The server as pages see it: the typed client on the session of this browser. */

import { type Client, openClient } from "../../src/client.ts";

/** Pages show at once that the server does not answer; queries try again by themselves. */
const RETRY_FOR_MS = 2_000;

const CLIENT = openClient({ url: location.origin, retryForMs: RETRY_FOR_MS });

/** The client of this page. It has no key: the browser adds the session's cookie, which no script reads. */
export function useClient(): Client {
  return CLIENT;
}
