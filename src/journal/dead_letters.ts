/** Dead letters: envelopes that could not be used, kept in the database for every kind of bus. */

import { mintTaskId } from "../core/ids.ts";
import type { Database, DeadLetter, DeadLetters, Runtime } from "../core/ports.ts";
import type { Row } from "./pg_connection.ts";

const COLUMNS =
  "id, channel, reason, body, (extract(epoch from created_at) * 1000)::float8 as at_ms";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The DeadLetters port over Postgres. */
export class PostgresDeadLetters implements DeadLetters {
  constructor(readonly database: Database, readonly runtime: Pick<Runtime, "uuid">) {}

  /** Ids are in the order of time. The character U+0000, which Postgres cannot hold, is replaced. */
  async add({ channel, reason, body, atMs }: Omit<DeadLetter, "id">): Promise<string> {
    const id = mintTaskId(atMs, 0, this.runtime.uuid());
    await this.database.query(
      `insert into tasker.dead_letter (id, channel, reason, body, created_at)
       values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000.0))`,
      [id, channel, clean(reason), clean(body), atMs],
    );
    return id;
  }

  /** Oldest first; a page goes on after a letter whether it is still there or not. */
  async list(limit: number, after?: string): Promise<readonly DeadLetter[]> {
    if (after !== undefined && !UUID.test(after)) return [];
    const rows = await this.database.query(
      `select ${COLUMNS}
       from tasker.dead_letter
       where $2::uuid is null
         or id > $2::uuid
       order by id
       limit $1`,
      [limit, after ?? null],
    );
    return rows.map(letterOf);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    if (!UUID.test(id)) return undefined;
    const rows = await this.database.query(
      `select ${COLUMNS}
       from tasker.dead_letter
       where id = $1`,
      [id],
    );
    return rows.map(letterOf)[0];
  }

  async remove(id: string): Promise<boolean> {
    if (!UUID.test(id)) return false;
    const rows = await this.database.query(
      "delete from tasker.dead_letter where id = $1 returning id",
      [id],
    );
    return rows.length > 0;
  }
}

function clean(text: string): string {
  return text.replaceAll("\u0000", "\ufffd");
}

function letterOf(row: Row): DeadLetter {
  return {
    id: String(row.id),
    channel: String(row.channel),
    reason: String(row.reason),
    body: String(row.body),
    atMs: Math.round(Number(row.at_ms)),
  };
}
