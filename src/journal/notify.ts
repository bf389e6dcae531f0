/** Notifications: lets owners of slots know that something is in their inbox, and hears it. Only hints. */

import { Batcher } from "../core/batcher.ts";
import type { Incarnation } from "../core/ids.ts";
import type { Cancel, Database, Runtime } from "../core/ports.ts";
import notify from "./sql/notify.sql" with { type: "text" };

/** The channel; the payload is the owner's incarnation. */
const CHANNEL = "tasker_wake";

/** Between two NOTIFYs of this node: each takes a lock of the whole server when it commits. */
const NOTIFY_MS = 20;

/** What waking works with. */
export interface NotificationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly incarnation: Incarnation;
}

/** The first wake-up goes out at once; those of the next 20 ms go together. */
export class Notifications {
  readonly #slots: Batcher<number>;

  constructor(readonly deps: NotificationsDeps) {
    const { runtime, database } = deps;
    this.#slots = new Batcher({
      runtime,
      restMs: NOTIFY_MS,
      send: (slots) => database.query(notify, [CHANNEL, [...new Set(slots)]]),
    });
  }

  /** Wakes the owner of a slot, soon. A wake-up that is lost costs the time until the next poll. */
  send(slot: number): void {
    this.#slots.put(slot).catch(() => {});
  }

  /** Calls when this node is woken, and after each reconnect. */
  hear(call: () => void): Promise<Cancel> {
    const { database, incarnation } = this.deps;
    return database.listen(CHANNEL, (payload) => {
      if (payload === "" || payload === incarnation) call();
    });
  }
}
