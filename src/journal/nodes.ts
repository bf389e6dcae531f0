/** Nodes, slots and the inbox, by compare-and-set. */

import type { Command } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import type { Incarnation, TaskId } from "../core/ids.ts";
import type { Cancel, InboxRow, Nodes, PollResult, Runtime, SlotRow } from "../core/ports.ts";
import type { PostgresDatabase } from "./database.ts";
import { terminateBackends } from "./flush.ts";
import { errorOf, type Link, type Row } from "./link.ts";
import poll from "./sql/poll.sql" with { type: "text" };

/** The channel on which owners are woken; the payload is their incarnation. */
const WAKE_CHANNEL = "tasker_wake";

/** Wake-ups of this long go out together: a NOTIFY takes a lock of the whole database. */
const NOTIFY_MS = 20;

/** A slot that moved before the last poll, in a transaction that ended after it, is seen by this. */
const LATE_COMMIT_MS = 10_000;

/** How the backends of an incarnation are named. */
export function backendsOf(incarnation: Incarnation): string {
  return `tasker/${incarnation}`;
}

/** What the nodes' tables are reached by. */
export interface NodesParts {
  readonly runtime: Runtime;
  readonly database: PostgresDatabase;
  /** For renewals alone: they never wait behind anything. */
  readonly link: Link;
  readonly incarnation: Incarnation;
}

/** The Nodes port over Postgres. */
export class PostgresNodes implements Nodes {
  #polledAtMs = 0;
  #wakes = new Set<number>();

  constructor(readonly parts: NodesParts) {}

  async join(
    { incarnation, name, replaces }: Parameters<Nodes["join"]>[0],
  ): Promise<void> {
    if (replaces !== undefined) await this.#end(replaces, "true");
    await this.parts.database.query(
      `insert into tasker.node (incarnation, name, expires_at)
       values ($1, $2, now() + interval '10 seconds')`,
      [incarnation, name],
    );
  }

  async poll(): Promise<PollResult> {
    const since = Math.max(0, this.#polledAtMs - LATE_COMMIT_MS);
    const [row] = await this.#query(poll, [this.parts.incarnation, since]);
    const result = row as unknown as PollRow;
    this.#polledAtMs = result.now_ms;
    return {
      alive: result.alive,
      databaseNowMs: result.now_ms,
      nodes: result.nodes.map(([incarnation, name, renewals, expired]) => ({
        incarnation,
        name,
        renewals,
        expired,
      })),
      slots: result.slots.map(([slot, owner, version]) => ({ slot, owner, version })),
      inbox: result.inbox.map(([commandId, slot, command, wantsAnswer]) => ({
        commandId,
        slot,
        command,
        wantsAnswer,
      })),
      due: result.due,
    };
  }

  async claim(slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    return await this.#move(
      `with me as materialized (
         select 1 from tasker.node where incarnation = $1 for key share
       ),
       wanted as (
         select s.slot
         from tasker.slot s
         join jsonb_to_recordset($2::text::jsonb) as w (slot int, version bigint) using (slot)
         where s.version = w.version
           and s.owner is null
           and exists (select from me)
         order by s.slot
         for update of s
       )
       update tasker.slot s
       set owner = $1, version = s.version + 1, changed_at = now()
       from wanted
       where s.slot = wanted.slot
       returning s.slot, s.version`,
      slots,
    );
  }

  async release(slots: readonly SlotRow[]): Promise<void> {
    await this.#move(
      `with leaving as (
         select s.slot
         from tasker.slot s
         join jsonb_to_recordset($2::text::jsonb) as w (slot int, version bigint) using (slot)
         where s.version = w.version
           and s.owner = $1
         order by s.slot
         for update of s
       )
       update tasker.slot s
       set owner = null, version = s.version + 1, changed_at = now()
       from leaving
       where s.slot = leaving.slot
       returning s.slot, s.version`,
      slots,
    );
  }

  async takeOver(incarnation: Incarnation): Promise<boolean> {
    return await this.#end(incarnation, "expires_at < now()");
  }

  async freeOrphans(): Promise<number> {
    const freed = await this.#query(
      `update tasker.slot s
       set owner = null, version = s.version + 1, changed_at = now()
       where s.owner is not null
         and not exists (select from tasker.node n where n.incarnation = s.owner)
       returning s.slot`,
    );
    return freed.length;
  }

  async residents(slots: readonly number[]): Promise<readonly TaskId[]> {
    const rows = await this.parts.database.query(
      `select task_id
       from tasker.task
       where slot in (select value::int from jsonb_array_elements_text($1::text::jsonb))
         and resident
         and ended_at is null
       order by task_id`,
      [JSON.stringify(slots)],
    );
    return rows.map((row) => row.task_id as TaskId);
  }

  async post({ commandId, slot, command, wantsAnswer }: InboxRow): Promise<void> {
    await this.parts.database.query(
      `insert into tasker.inbox (slot, command_id, command, wants_answer)
       values ($1, $2, $3::text::jsonb, $4)
       on conflict do nothing`,
      [slot, commandId, JSON.stringify(command), wantsAnswer],
    );
    this.#wakeSoon(slot);
  }

  async takeAnswer(commandId: string): Promise<string | undefined> {
    const [row] = await this.parts.database.query(
      "delete from tasker.answer where command_id = $1 returning body",
      [commandId],
    );
    return row?.body as string | undefined;
  }

  /** Behind a pooler in transaction mode nothing can be heard: polling does. */
  async onWake(call: () => void): Promise<Cancel> {
    try {
      return await this.parts.database.listen(WAKE_CHANNEL, (payload) => {
        if (payload === "" || payload === this.parts.incarnation) call();
      });
    } catch (error) {
      if (error instanceof TaskerError) return () => {};
      throw error;
    }
  }

  async leave(): Promise<void> {
    await this.#end(this.parts.incarnation, "true", { isSelf: true });
  }

  /** Coalesced, and never in the transaction of an append. */
  #wakeSoon(slot: number): void {
    this.#wakes.add(slot);
    if (this.#wakes.size > 1) return;
    this.parts.runtime.after(NOTIFY_MS, () => {
      const slots = JSON.stringify([...this.#wakes]);
      this.#wakes = new Set();
      // A lost wake-up costs a poll's interval.
      this.parts.database.query(
        `select pg_notify('${WAKE_CHANNEL}', owner::text)
         from (
           select distinct owner
           from tasker.slot
           where owner is not null
             and slot in (select value::int from jsonb_array_elements_text($1::text::jsonb))
         ) o`,
        [slots],
      ).catch(() => {});
    });
  }

  /** Ends an incarnation: its backends, then its row, then its hold on slots. */
  async #end(
    incarnation: Incarnation,
    condition: string,
    { isSelf = false } = {},
  ): Promise<boolean> {
    if (!isSelf) {
      await terminateBackends(this.parts.link, `${backendsOf(incarnation)}/`).catch(rethrow);
    }
    let isGone = false;
    await this.parts.database.transaction(async (query) => {
      // Waits for flushes in flight, which hold the row; every later one inserts nothing.
      const gone = await query(
        `delete from tasker.node where incarnation = $1 and ${condition} returning 1`,
        [incarnation],
      );
      isGone = gone.length > 0;
      if (!isGone) return;
      await query(
        `update tasker.slot
         set owner = null, version = version + 1, changed_at = now()
         where owner = $1`,
        [incarnation],
      );
    });
    return isGone;
  }

  async #move(text: string, slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    const { incarnation } = this.parts;
    const wanted = slots.map(({ slot, version }) => ({ slot, version }));
    const rows = await this.#query(text, [incarnation, JSON.stringify(wanted)]);
    return rows.map((row) => ({
      slot: Number(row.slot),
      owner: incarnation,
      version: Number(row.version),
    }));
  }

  async #query(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    try {
      return await this.parts.link.query(text, parameters);
    } catch (error) {
      return rethrow(error);
    }
  }
}

interface PollRow {
  readonly alive: boolean;
  readonly now_ms: number;
  readonly nodes: readonly [Incarnation, string, number, boolean][];
  readonly slots: readonly [number, Incarnation | null, number][];
  readonly inbox: readonly [string, number, Command, boolean][];
  readonly due: readonly TaskId[];
}

function rethrow(error: unknown): never {
  throw errorOf(error);
}
