/** Sessions of the web app, and links that sign in once, over Postgres. */

import type { Database, KeyRow, Session, Sessions } from "../core/ports.ts";
import { keyColumns, keyOf } from "./keys.ts";

/** A session as the key that it stands for: with the session's hash, and the earlier of both ends. */
const FOUND = `
  select
    ${keyColumns("k", "s.hash", "least(s.expires_at, k.expires_at)")},
    s.person::text as person,
    (extract(epoch from s.expires_at) * 1000)::float8 as session_expires_ms
  from found s
  left join tasker.api_key k on k.id = s.api_key_id`;

/** The Sessions port over Postgres. */
export class PostgresSessions implements Sessions {
  constructor(readonly database: Database) {}

  async add({ hash, isLink, of, expiresAtMs }: Session): Promise<void> {
    const [keyId, person] = "keyId" in of ? [of.keyId, null] : [null, JSON.stringify(of.person)];
    await this.database.query(
      `with expired as (delete from tasker.session where expires_at < now())
       insert into tasker.session (hash, is_link, api_key_id, person, expires_at)
       values ($1, $2, $3, $4::text::jsonb, to_timestamp($5::float8 / 1000.0))`,
      [hash, isLink, keyId, person, expiresAtMs],
    );
  }

  async find(hash: string): Promise<KeyRow | undefined> {
    const [row] = await this.database.query(
      `with found as (select * from tasker.session where hash = $1 and not is_link) ${FOUND}`,
      [hash],
    );
    return row && ofSession(row);
  }

  async takeLink(hash: string): Promise<KeyRow | undefined> {
    const [row] = await this.database.query(
      `with found as (delete from tasker.session where hash = $1 and is_link returning *) ${FOUND}`,
      [hash],
    );
    return row && ofSession(row);
  }

  async remove(hash: string): Promise<void> {
    await this.database.query("delete from tasker.session where hash = $1", [hash]);
  }

  async living(hashes: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.database.query(
      `select hash from tasker.api_key where hash = any ($1::text[])
       union all
       select hash from tasker.session where hash = any ($1::text[])`,
      [hashes],
    );
    return new Set(rows.map(({ hash }) => String(hash)));
  }
}

function ofSession(row: Readonly<Record<string, unknown>>): KeyRow {
  if (row.person === null) return keyOf(row);
  return {
    ...JSON.parse(String(row.person)),
    hash: String(row.hash),
    expiresAtMs: Math.round(Number(row.session_expires_ms)),
  };
}
