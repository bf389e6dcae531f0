/** A session: Tasker under the key of one client. */

import type { Client, Key } from "../client.ts";

/** Whose server it is. */
export interface McpSession {
  readonly client: Client;
  /** The same under a name that the audit shows: what was called, and by which program. */
  as(agent: string): Client;
  /** @throws {ClientError} api.unauthorized once the key has ended */
  key(): Promise<Key>;
}
