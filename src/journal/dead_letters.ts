/** Dead letters: envelopes nobody could use, kept in the database whatever the bus. */

import type { Database, DeadLetter, DeadLetters } from "../core/ports.ts";
import type { Row } from "./link.ts";

const COLUMNS =
  "id, channel, reason, body, (extract(epoch from created_at) * 1000)::float8 as at_ms";

/** The DeadLetters port over Postgres. */
export class PostgresDeadLetters implements DeadLetters {
  constructor(readonly database: Database) {}

  async add({ channel, reason, body, atMs }: Omit<DeadLetter, "id">): Promise<string> {
    const [row] = await this.database.query(
      `insert into tasker.dead_letter (channel, reason, body, created_at)
       values ($1, $2, $3, to_timestamp($4::float8 / 1000.0))
       returning id`,
      [channel, reason, body.replaceAll("\u0000", "�"), atMs],
    );
    return String(row?.id);
  }

  /** Oldest first. */
  async list(limit: number, after?: string): Promise<readonly DeadLetter[]> {
    const rows = await this.database.query(
      `select ${COLUMNS}
       from tasker.dead_letter
       where $2::uuid is null
         or (created_at, id) > (select created_at, id from tasker.dead_letter where id = $2::uuid)
       order by created_at, id
       limit $1`,
      [limit, after ?? null],
    );
    return rows.map(letterOf);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const rows = await this.database.query(
      `select ${COLUMNS} from tasker.dead_letter where id = $1`,
      [id],
    );
    return rows.map(letterOf)[0];
  }

  async remove(id: string): Promise<boolean> {
    const rows = await this.database.query(
      "delete from tasker.dead_letter where id = $1 returning id",
      [id],
    );
    return rows.length > 0;
  }
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
