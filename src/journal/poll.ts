/** The poll's row: what one statement shows a node, still in the shape of its columns. */

import type { Command } from "../core/command.ts";
import type { Incarnation } from "../core/ids.ts";
import type { PollResult } from "../core/ports.ts";

/** Time of arrival, as Postgres writes it, and id of a command in the inbox. */
export type InboxPlace = readonly [createdAt: string, commandId: string];

/** Before every command in the inbox. */
export const INBOX_BEGIN: InboxPlace = ["-infinity", ""];

/** The columns of `sql/poll.sql`. */
export interface Polled {
  readonly alive: boolean;
  readonly now_ms: number;
  readonly nodes: readonly [Incarnation, string, number, boolean, number][];
  /** The sum of all slot versions: another sum, another distribution. */
  readonly moves: string;
  /** Null when nothing moved. */
  readonly slots: readonly [number, Incarnation | null, number, number][] | null;
  readonly inbox: readonly [string, number, Command, boolean][];
  /** Time and id of the command after which the next poll goes on; null: from the oldest. */
  readonly inbox_next: InboxPlace | null;
  readonly due_slots: readonly number[];
}

/** Names what the columns hold. */
export function readPoll({ alive, now_ms, nodes, slots, inbox, due_slots }: Polled): PollResult {
  return {
    alive,
    databaseNowMs: now_ms,
    nodes: nodes.map(([incarnation, name, renewals, expired, format]) => ({
      incarnation,
      name,
      renewals,
      expired,
      format,
    })),
    slots: (slots ?? []).map(([slot, owner, version, formatMin]) => ({
      slot,
      owner,
      version,
      ...(formatMin > 1 && { formatMin }),
    })),
    inbox: inbox.map(([commandId, slot, command, wantsAnswer]) => ({
      commandId,
      slot,
      command,
      wantsAnswer,
    })),
    dueSlots: due_slots,
  };
}
