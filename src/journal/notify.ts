/** Notifications: tells owners of slots that something is in their inbox, and hears it. Only hints. */

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
  #slots = new Set<number>();
  #isResting = false;

  constructor(readonly parts: NotificationsDeps) {}

  /** Wakes the owner of a slot, soon. */
  send(slot: number): void {
    this.#slots.add(slot);
    if (!this.#isResting) this.#sendAll();
  }

  /** Calls when this node is woken, and after each reconnect. */
  hear(call: () => void): Promise<Cancel> {
    const { database, incarnation } = this.parts;
    return database.listen(CHANNEL, (payload) => {
      if (payload === "" || payload === incarnation) call();
    });
  }

  #sendAll(): void {
    const slots = [...this.#slots];
    this.#slots.clear();
    this.#isResting = slots.length > 0;
    if (!this.#isResting) return;
    // A lost wake-up costs the time until the next poll.
    this.parts.database.query(notify, [CHANNEL, slots]).catch(() => {});
    this.parts.runtime.after(NOTIFY_MS, () => this.#sendAll());
  }
}
