/** Dead letters: envelopes that could not be used, kept in the database for every kind of bus. */

import { firstIdAt, mintTaskId } from "../core/ids.ts";
import type {
  Database,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetters,
  DeadLetterSummary,
  Runtime,
} from "../core/ports.ts";
import type { Row } from "./pg_connection.ts";

const SUMMARY = `id, system, kind, channel, reason, deliveries, envelope_id,
  octet_length(body) as bytes, (extract(epoch from created_at) * 1000)::float8 as at_ms`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Which letters a filter means: `$1` to `$5`. Ids carry the time. */
const FILTERED = `($1::text[] is null or system = any ($1::text[]))
  and ($2::text is null or kind = $2::text)
  and ($3::uuid is null or id > $3::uuid)
  and ($4::uuid is null or id >= $4::uuid)
  and ($5::uuid is null or id < $5::uuid)`;

/** The DeadLetters port over Postgres. */
export class PostgresDeadLetters implements DeadLetters {
  constructor(readonly database: Database, readonly runtime: Pick<Runtime, "uuid">) {}

  /** Ids are in the order of time. The character U+0000, which Postgres cannot hold, is replaced. */
  async add(letter: Omit<DeadLetter, "id" | "bytes">): Promise<string> {
    const { system, kind, channel, reason, body, deliveries, envelopeId, atMs } = letter;
    const id = mintTaskId(atMs, 0, this.runtime.uuid());
    await this.database.query(
      `insert into tasker.dead_letter
         (id, system, kind, channel, reason, body, deliveries, envelope_id, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000.0))`,
      [
        id,
        system,
        kind,
        clean(channel),
        clean(reason),
        clean(body),
        deliveries,
        envelopeId === undefined ? null : clean(envelopeId),
        atMs,
      ],
    );
    return id;
  }

  /** Oldest first; a page goes on after a letter whether it is still there or not. */
  async list(filter: DeadLetterFilter, limit: number): Promise<readonly DeadLetterSummary[]> {
    if (filter.after !== undefined && !UUID.test(filter.after)) return [];
    const rows = await this.database.query(
      `select ${SUMMARY}
       from tasker.dead_letter
       where ${FILTERED}
       order by id
       limit $6`,
      [...parametersOf(filter), limit],
    );
    return rows.map(summaryOf);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    if (!UUID.test(id)) return undefined;
    const rows = await this.database.query(
      `select ${SUMMARY}, body
       from tasker.dead_letter
       where id = $1`,
      [id],
    );
    return rows.map((row) => ({ ...summaryOf(row), body: String(row.body) }))[0];
  }

  async remove(id: string): Promise<boolean> {
    if (!UUID.test(id)) return false;
    const rows = await this.database.query(
      "delete from tasker.dead_letter where id = $1 returning id",
      [id],
    );
    return rows.length > 0;
  }

  /** Locks the rows that it removes, oldest first. */
  async removeAll(filter: DeadLetterFilter, limit: number): Promise<number> {
    const rows = await this.database.query(
      `with chosen as (
         select id
         from tasker.dead_letter
         where ${FILTERED}
         order by id
         limit $6
         for update
       ), removed as (
         delete from tasker.dead_letter
         using chosen
         where dead_letter.id = chosen.id
         returning 1
       )
       select count(*)::int as count
       from removed`,
      [...parametersOf(filter), limit],
    );
    return Number(rows[0]?.count);
  }

  async counts(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query(
      `select system, count(*)::int as count
       from tasker.dead_letter
       group by system`,
    );
    return new Map(rows.map(({ system, count }) => [String(system), Number(count)]));
  }
}

function parametersOf(
  { systems, kind, after, sinceMs, untilMs }: DeadLetterFilter,
): readonly unknown[] {
  return [
    systems ?? null,
    kind ?? null,
    after ?? null,
    sinceMs === undefined ? null : firstIdAt(sinceMs),
    untilMs === undefined ? null : firstIdAt(untilMs),
  ];
}

function clean(text: string): string {
  return text.replaceAll("\u0000", "\ufffd");
}

function summaryOf(row: Row): DeadLetterSummary {
  return {
    id: String(row.id),
    system: String(row.system),
    kind: String(row.kind) as DeadLetterKind,
    channel: String(row.channel),
    reason: String(row.reason),
    deliveries: Number(row.deliveries),
    ...(row.envelope_id !== null && { envelopeId: String(row.envelope_id) }),
    bytes: Number(row.bytes),
    atMs: Math.round(Number(row.at_ms)),
  };
}
