/** Backends: Postgres' processes, known by the application_name of their connection. */

import { wait } from "../core/backoff.ts";
import type { Incarnation } from "../core/ids.ts";
import type { Runtime } from "../core/ports.ts";
import type { PgConnection } from "./pg_connection.ts";
import endBackends from "./sql/end_backends.sql" with { type: "text" };
import endExpiredBackends from "./sql/end_expired_backends.sql" with { type: "text" };

/** Rest between two looks whether backends have gone. */
const LOOK_MS = 20;

/** Looks at a dead node's backends; after that its row's lock is waited for in any case. */
const LOOKS_MAX = 25;

/** How the connections of an incarnation are named; a purpose and a number follow. */
export function connectionsOf(incarnation: Incarnation): string {
  return `tasker/${incarnation}`;
}

/** Ends the backend of one connection by its exact name. True: none is left. */
export async function endBackend(control: PgConnection, name: string): Promise<boolean> {
  return (await control.query(endBackends, [name])).length === 0;
}

/**
 * Ends all backends of a node whose lease is over, so that its row's lock is free: one that waits
 * for a lost client holds it for minutes, and no timeout of the server applies.
 */
export async function endBackendsOf(
  incarnation: Incarnation,
  { link, runtime, evenIfAlive }: { link: PgConnection; runtime: Runtime; evenIfAlive: boolean },
): Promise<void> {
  const name = `${connectionsOf(incarnation)}/`;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const left = await link.query(endExpiredBackends, [incarnation, name, evenIfAlive]);
    if (left.length === 0) return;
    await wait(runtime, LOOK_MS);
  }
}
