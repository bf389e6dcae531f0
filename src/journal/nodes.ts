/** Nodes, slots and what travels between nodes. All moves are compare-and-set. */

import { type Incarnation, SLOTS, type TaskId } from "../core/ids.ts";
import {
  type Cancel,
  type Database,
  DUE_PER_SLOT,
  type DuePlace,
  type DueTask,
  type InboxRow,
  type NodeFacts,
  type Nodes,
  type PollResult,
  type Runtime,
  type SlotRow,
} from "../core/ports.ts";
import { endBackendsOf, type PgConnection, type Row } from "./pg_connection.ts";
import { FORMAT_READ } from "./codec.ts";
import { errorOf } from "./sqlstate.ts";
import type { Command } from "../core/command.ts";
import { Batcher } from "../core/batcher.ts";
import claim from "./sql/claim.sql" with { type: "text" };
import due from "./sql/due.sql" with { type: "text" };
import endNode from "./sql/end_node.sql" with { type: "text" };
import freeOrphans from "./sql/free_orphans.sql" with { type: "text" };
import join from "./sql/join.sql" with { type: "text" };
import poll from "./sql/poll.sql" with { type: "text" };
import post from "./sql/post.sql" with { type: "text" };
import requireFormat from "./sql/require_format.sql" with { type: "text" };
import release from "./sql/release.sql" with { type: "text" };
import residents from "./sql/residents.sql" with { type: "text" };
import notify from "./sql/notify.sql" with { type: "text" };

/** Makes the next poll read all slots. */
const NOTHING_SEEN = "-1";

/** Stands for slots that a move does not concern; no slot has this version. */
const NO_VERSION = -1;

/** Before every due task of a slot. */
const EARLIEST = { wakeAt: "-infinity", taskId: "00000000-0000-0000-0000-000000000000" };

/** The lease that a poll renews, in ms; see sql/poll.sql. */
const LEASE_MS = 10_000;

/** All nodes, with how many slots each owns. Cost: one look at each slot. */
const NODES = `
  select n.incarnation, n.name, n.version, n.expires_at < now() as is_expired,
    (extract(epoch from n.joined_at) * 1000)::float8 as since_ms,
    (extract(epoch from now() - n.expires_at) * 1000)::float8 as expired_ago_ms,
    coalesce(s.slots, 0)::int as slots
  from tasker.node n
  left join (select owner, count(*) as slots from tasker.slot group by owner) s
    on s.owner = n.incarnation
  order by n.name, n.incarnation`;

/** Slots whose residents one statement reads: a hundredth of what a node may hold in memory. */
const SLOTS_PER_READ = 64;

/** What PostgresNodes works with. */
export interface NodesDeps {
  readonly runtime: Runtime;
  readonly incarnation: Incarnation;
  readonly database: Database;
  /** For renewals alone: they wait behind nothing. */
  readonly renewal: PgConnection;
  /** For moves of slots and the end of nodes, which wait for locks. */
  readonly moves: PgConnection;
}

/** The Nodes port over Postgres. */
export class PostgresNodes implements Nodes {
  /** The sum of slot versions at the last poll. */
  #seen = NOTHING_SEEN;
  /** After which command in the inbox the next poll goes on. */
  #inboxAfter: InboxPlace = INBOX_BEGIN;
  readonly #wakes: Notifications;

  constructor(readonly deps: NodesDeps) {
    this.#wakes = new Notifications(deps);
  }

  /** Safe to repeat. */
  async join(of: Parameters<Nodes["join"]>[0]): Promise<void> {
    const { incarnation, name, replaces, bus, version } = of;
    if (replaces !== undefined) await this.#end(replaces, { evenIfAlive: true });
    await this.#move(join, [incarnation, name, FORMAT_READ, bus ?? null, version ?? null]);
  }

  /** Lists all nodes that have not left, by name. Cost: one statement. */
  async list(): Promise<readonly NodeFacts[]> {
    const { database, incarnation: own } = this.deps;
    const rows = await database.query(NODES);
    return rows.map(({ incarnation, name, version, since_ms, ...row }) => ({
      incarnation: incarnation as Incarnation,
      name: String(name),
      isThis: incarnation === own,
      ...(version !== null && { version: String(version) }),
      ...(since_ms !== null && { sinceMs: Number(since_ms) }),
      renewedAgoMs: Math.max(0, Number(row.expired_ago_ms) + LEASE_MS),
      isExpired: row.is_expired === true,
      slots: Number(row.slots),
    }));
  }

  async poll(): Promise<PollResult> {
    const { renewal, incarnation } = this.deps;
    const [row] = await asked(renewal, poll, [incarnation, this.#seen, ...this.#inboxAfter]);
    const polled = row as unknown as Polled;
    this.#seen = polled.moves;
    this.#inboxAfter = polled.inbox_next ?? INBOX_BEGIN;
    return readPoll(polled);
  }

  async claim(slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    return await this.#moveSlots(claim, slots);
  }

  async release(slots: readonly SlotRow[]): Promise<void> {
    await this.#moveSlots(release, slots);
  }

  async requireNewerFormat(slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    const formatMin = FORMAT_READ + 1;
    const rows = await this.#moveSlots(requireFormat, slots, [formatMin]);
    return rows.map((row) => ({ ...row, formatMin }));
  }

  /** Only of a node that the caller has itself watched not renewing; see Ownership. */
  async takeOver(incarnation: Incarnation): Promise<boolean> {
    return await this.#end(incarnation, { evenIfAlive: false });
  }

  async freeOrphans(): Promise<number> {
    return (await this.#move(freeOrphans)).length;
  }

  async residents(slots: readonly number[]): Promise<readonly TaskId[]> {
    const found: TaskId[] = [];
    for (let from = 0; from < slots.length; from += SLOTS_PER_READ) {
      const part = slots.slice(from, from + SLOTS_PER_READ);
      const rows = await this.deps.database.query(residents, [part]);
      for (const row of rows) found.push(row.task_id as TaskId);
    }
    return found;
  }

  async due(places: readonly DuePlace[]): Promise<readonly DueTask[]> {
    const after = places.map((place) => place.after ?? EARLIEST);
    const rows = await this.deps.database.query(due, [
      places.map(({ slot }) => slot),
      after.map(({ wakeAt }) => wakeAt),
      after.map(({ taskId }) => taskId),
      DUE_PER_SLOT,
    ]);
    return rows.map((row) => ({ taskId: row.task_id as TaskId, wakeAt: String(row.wake_at) }));
  }

  /** Safe to repeat: a command id is in a slot's inbox once. */
  async post(rows: readonly InboxRow[]): Promise<void> {
    await this.deps.database.query(post, [
      rows.map(({ slot }) => slot),
      rows.map(({ commandId }) => commandId),
      rows.map(({ command }) => JSON.stringify(command)),
      rows.map(({ wantsAnswer }) => Number(wantsAnswer)),
    ]);
    this.#wakes.send(rows.map(({ slot }) => slot));
  }

  async takeAnswers(commandIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.deps.database.query(
      "delete from tasker.answer where command_id = any ($1::text[]) returning command_id, body",
      [commandIds],
    );
    return new Map(rows.map((row) => [String(row.command_id), String(row.body)]));
  }

  async onWake(call: () => void): Promise<Cancel> {
    return await this.#wakes.hear(call);
  }

  async leave(): Promise<void> {
    await this.#move(endNode, [this.deps.incarnation, true]);
    await this.freeOrphans();
  }

  /**
   * Ends an incarnation: its backends, then its row, then its hold on slots. Each is a statement of
   * its own, so that the last one sees all that the one before has waited for; whoever dies between
   * them leaves orphans, which any node frees.
   */
  async #end(
    incarnation: Incarnation,
    { evenIfAlive }: { readonly evenIfAlive: boolean },
  ): Promise<boolean> {
    const { moves, runtime } = this.deps;
    try {
      await endBackendsOf(incarnation, { connection: moves, runtime, evenIfAlive });
    } catch (error) {
      throw errorOf(error);
    }
    const ended = await this.#move(endNode, [incarnation, evenIfAlive]);
    if (ended.length > 0) await this.freeOrphans();
    return ended.length > 0;
  }

  async #moveSlots(
    text: string,
    slots: readonly SlotRow[],
    more: readonly unknown[] = [],
  ): Promise<readonly SlotRow[]> {
    const { incarnation } = this.deps;
    const versions = new Array<number>(SLOTS).fill(NO_VERSION);
    for (const { slot, version } of slots) versions[slot] = version;
    const rows = await this.#move(text, [incarnation, `{${versions}}`, ...more]);
    return rows.map((row) => ({
      slot: Number(row.slot),
      owner: incarnation,
      version: Number(row.version),
    }));
  }

  /** Whatever the outcome of a move, the next poll reads all slots. */
  async #move(text: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    this.#seen = NOTHING_SEEN;
    return await asked(this.deps.moves, text, parameters);
  }
}

async function asked(
  connection: PgConnection,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  try {
    return await connection.query(text, parameters);
  } catch (error) {
    throw errorOf(error);
  }
}

// The result of a poll

/** Time of arrival, as Postgres writes it, and id of a command in the inbox. */
type InboxPlace = readonly [createdAt: string, commandId: string];

/** Before every command in the inbox. */
const INBOX_BEGIN: InboxPlace = ["-infinity", ""];

/** The columns of `sql/poll.sql`. */
interface Polled {
  readonly alive: boolean;
  readonly now_ms: number;
  readonly nodes: readonly [Incarnation, string, number, boolean, number, string | null][];
  /** The sum of all slot versions: another sum, another distribution. */
  readonly moves: string;
  /** Null when nothing moved. */
  readonly slots: readonly [number, Incarnation | null, number, number][] | null;
  readonly inbox: readonly [string, number, Command, boolean][];
  /** Time and id of the command after which the next poll goes on; null: from the oldest. */
  readonly inbox_next: InboxPlace | null;
  readonly due_slots: readonly number[];
  /** The number of the last change of systems. */
  readonly systems: number;
  /** The number of the last deployment. */
  readonly deployments: number;
}

/** Names what the columns hold. */
function readPoll(
  { alive, now_ms, nodes, slots, inbox, due_slots, systems, deployments }: Polled,
): PollResult {
  return {
    alive,
    databaseNowMs: now_ms,
    nodes: nodes.map(([incarnation, name, renewals, expired, format, bus]) => ({
      incarnation,
      name,
      renewals,
      expired,
      format,
      ...(bus !== null && { bus }),
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
    systemsVersion: systems,
    deployments,
  };
}

// Wake-ups

/** The channel; the payload is the owner's incarnation. */
const CHANNEL = "tasker_wake";

/** Between two NOTIFYs of this node: each takes a lock of the whole server when it commits. */
const NOTIFY_MS = 20;

/** What waking works with. */
interface NotificationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
  readonly incarnation: Incarnation;
}

/** The first wake-up goes out at once; those of the next 20 ms go together. */
class Notifications {
  readonly #slots: Batcher<number>;

  constructor(readonly deps: NotificationsDeps) {
    const { runtime, database } = deps;
    this.#slots = new Batcher({
      runtime,
      restMs: NOTIFY_MS,
      send: (slots) => database.query(notify, [CHANNEL, [...new Set(slots)]]),
    });
  }

  /** Wakes the owners of slots, soon. A wake-up that is lost costs the time until the next poll. */
  send(slots: readonly number[]): void {
    for (const slot of new Set(slots)) this.#slots.put(slot).catch(() => {});
  }

  /** Calls when this node is woken, and after each reconnect. */
  hear(call: () => void): Promise<Cancel> {
    const { database, incarnation } = this.deps;
    return database.listen(CHANNEL, (payload) => {
      if (payload === "" || payload === incarnation) call();
    });
  }
}
