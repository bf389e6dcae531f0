/** The guard: keeps a lost connection from ending the process. */

let isGuarded = false;

/**
 * Guards this process, once, against what postgres.js throws out of its write loop.
 *
 * A statement of a transaction whose connection has gone is written in a later turn of the event
 * loop, to a socket that is null. Nobody can catch that; the statement's own promise is rejected or
 * meets its deadline. All other uncaught errors still end the process.
 */
export function guardProcess(onWarning: (text: string, error: unknown) => void): void {
  if (isGuarded) return;
  isGuarded = true;
  globalThis.addEventListener("error", (event) => {
    if (!isOfWriteLoop(event.error)) return;
    event.preventDefault();
    onWarning("A connection to Postgres was lost while it was written to", event.error);
  });
}

/** Whether an error comes from the write loop of postgres.js, and from nowhere else. */
export function isOfWriteLoop(error: unknown): boolean {
  return error instanceof TypeError &&
    /\bnextWrite\b[^\n]*postgres[^\n]*connection\.js/.test(error.stack ?? "");
}
