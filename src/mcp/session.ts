/** A session: Tasker under the key of one client. */

import type { Client, Key } from "../client.ts";

/** Whose server it is. */
export interface McpSession {
  readonly client: Client;
  /** @throws {ClientError} api.unauthorized once the key has ended */
  key(): Promise<Key>;
}
