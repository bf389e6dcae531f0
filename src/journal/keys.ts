/** Keys: hashes of API keys, and the keys that sign reply tokens. */

import type { Database, KeyRow, Keys, Scope } from "../core/ports.ts";
import type { Row } from "./link.ts";

const COLUMNS = `
  id, hash, name, to_json(scopes) as scopes, to_json(namespaces) as namespaces,
  (extract(epoch from created_at) * 1000)::float8 as created_ms,
  (extract(epoch from expires_at) * 1000)::float8 as expires_ms`;

const INSERT = `
  insert into tasker.api_key (id, hash, name, scopes, namespaces, created_at, expires_at)
  select $1, $2, $3,
    array(select jsonb_array_elements_text($4::text::jsonb)),
    array(select jsonb_array_elements_text($5::text::jsonb)),
    to_timestamp($6::float8 / 1000.0), to_timestamp($7::float8 / 1000.0)`;

/** The Keys port over Postgres. */
export class PostgresKeys implements Keys {
  constructor(readonly database: Database) {}

  /** Of several first writers one wins: they all insert under the same lock. */
  async addFirst(key: KeyRow): Promise<boolean> {
    const rows = await this.database.query(
      `with lock as materialized (select pg_advisory_xact_lock(7461737)),
       kept as (select 1 from tasker.api_key, lock)
       ${INSERT}
       from lock
       where not exists (select from kept)
       on conflict do nothing
       returning id`,
      parametersOf(key),
    );
    return rows.length > 0;
  }

  async add(key: KeyRow): Promise<void> {
    await this.database.query(INSERT, parametersOf(key));
  }

  async find(hash: string): Promise<KeyRow | undefined> {
    const [row] = await this.database.query(
      `select ${COLUMNS} from tasker.api_key where hash = $1`,
      [hash],
    );
    return row === undefined ? undefined : keyOf(row);
  }

  async list(): Promise<readonly KeyRow[]> {
    const rows = await this.database.query(
      `select ${COLUMNS} from tasker.api_key order by created_at, id`,
    );
    return rows.map(keyOf);
  }

  async remove(id: string): Promise<boolean> {
    const rows = await this.database.query(
      "delete from tasker.api_key where id = $1 returning id",
      [id],
    );
    return rows.length > 0;
  }

  async replyKeys(make: () => string): Promise<readonly { kid: string; secret: string }[]> {
    await this.database.query(
      `insert into tasker.reply_key (kid, secret)
       select 'k1', $1::text
       where not exists (select from tasker.reply_key)
       on conflict do nothing`,
      [make()],
    );
    const rows = await this.database.query(
      "select kid, secret from tasker.reply_key order by created_at desc, kid desc",
    );
    return rows.map((row) => ({ kid: String(row.kid), secret: String(row.secret) }));
  }
}

function parametersOf(
  { id, hash, name, scopes, namespaces, createdAtMs, expiresAtMs }: KeyRow,
): unknown[] {
  return [
    id,
    hash,
    name,
    JSON.stringify(scopes),
    JSON.stringify(namespaces),
    createdAtMs,
    expiresAtMs ?? null,
  ];
}

function keyOf(row: Row): KeyRow {
  return {
    id: String(row.id),
    hash: String(row.hash),
    name: String(row.name),
    scopes: row.scopes as Scope[],
    namespaces: row.namespaces as string[],
    createdAtMs: Math.round(Number(row.created_ms)),
    ...(row.expires_ms === null ? {} : { expiresAtMs: Math.round(Number(row.expires_ms)) }),
  };
}
