/** Keys: hashes of API keys, and the keys that sign reply tokens. */

import { TaskerError } from "../core/errors.ts";
import type { Scope } from "../core/api_key.ts";
import type { Database, KeyRow, Keys } from "../core/ports.ts";
import type { Row } from "./pg_connection.ts";

/**
 * The columns of a key. A key of a version without the list of systems named them among its namespaces if its scope was
 * bus; a key for everything spoke for every system.
 */
export function keyColumns(key: string, hash: string, expiresAt: string): string {
  return `
  ${key}.id, ${hash}, ${key}.name, ${key}.scopes, ${key}.namespaces,
  case
    when ${key}.systems is not null then ${key}.systems
    when 'bus' = any (${key}.scopes) or '*' = any (${key}.namespaces) then ${key}.namespaces
    else '{}'
  end as systems,
  (extract(epoch from ${key}.created_at) * 1000)::float8 as created_ms,
  (extract(epoch from ${expiresAt}) * 1000)::float8 as expires_ms`;
}

const COLUMNS = keyColumns("api_key", "api_key.hash", "api_key.expires_at");

const INSERT = `
  insert into tasker.api_key (
    id, hash, name, scopes, namespaces, systems, created_at, expires_at, is_first
  )
  select
    $1, $2, $3, $4::text[], $5::text[], $6::text[],
    to_timestamp($7::float8 / 1000.0), to_timestamp($8::float8 / 1000.0), $9::boolean`;

/** A key that can make every other key, for ever. */
const IS_ROOT = "'admin' = any (scopes) and '*' = any (namespaces) and expires_at is null";

/** Of two last ones that are removed at the same time one stays: each locks the other's row first. */
const REMOVE = `
  with other as (
    select id
    from tasker.api_key
    where id <> $1
      and ${IS_ROOT}
    limit 1
    for update
  )
  delete from tasker.api_key
  where id = $1
    and (not (${IS_ROOT}) or exists (select from other))
  returning id`;

/** The Keys port over Postgres. */
export class PostgresKeys implements Keys {
  constructor(readonly database: Database) {}

  /** Of several that are first at the same time one gets in: the first key is unique. */
  async addFirst(key: KeyRow): Promise<boolean> {
    const rows = await this.database.query(
      `${INSERT}
       where not exists (select from tasker.api_key)
       on conflict do nothing
       returning id`,
      parametersOf(key, true),
    );
    return rows.length > 0;
  }

  async add(key: KeyRow): Promise<void> {
    await this.database.query(INSERT, parametersOf(key, false));
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
    const rows = await this.database.query(REMOVE, [id]);
    if (rows.length > 0) return true;
    const kept = await this.database.query("select from tasker.api_key where id = $1", [id]);
    if (kept.length === 0) return false;
    throw new TaskerError(
      "key.last",
      `Cannot remove key "${id}": no other key that does not expire has the scope admin for everything`,
    );
  }

  async replyKeys(make: () => string): Promise<readonly { kid: string; secret: string }[]> {
    const kept = await this.#readReplyKeys();
    if (kept.length > 0) return kept;
    // Of several first nodes one gets its key in, and all read that.
    await this.database.query(
      `insert into tasker.reply_key (kid, secret)
       values ('k1', $1)
       on conflict do nothing`,
      [make()],
    );
    return await this.#readReplyKeys();
  }

  async #readReplyKeys(): Promise<readonly { kid: string; secret: string }[]> {
    const rows = await this.database.query(
      `select kid, secret
       from tasker.reply_key
       order by created_at desc, kid desc`,
    );
    return rows.map((row) => ({ kid: String(row.kid), secret: String(row.secret) }));
  }
}

function parametersOf(key: KeyRow, isFirst: boolean): unknown[] {
  const { id, hash, name, scopes, namespaces, systems, createdAtMs, expiresAtMs } = key;
  return [id, hash, name, scopes, namespaces, systems, createdAtMs, expiresAtMs ?? null, isFirst];
}

/** Reads a row of `keyColumns`. */
export function keyOf(row: Row): KeyRow {
  return {
    id: String(row.id),
    hash: String(row.hash),
    name: String(row.name),
    scopes: row.scopes as Scope[],
    namespaces: row.namespaces as string[],
    systems: row.systems as string[],
    createdAtMs: Math.round(Number(row.created_ms)),
    ...(row.expires_ms === null ? {} : { expiresAtMs: Math.round(Number(row.expires_ms)) }),
  };
}
