/** Connection URL: what of DATABASE_URL the library is given. */

/** Parameters that the library itself understands, or that Postgres takes at a connection's start. */
const UNDERSTOOD = new Set(["sslmode", "sslnegotiation", "sslrootcert", "options"]);

/**
 * Returns a URL with those parameters only that have a meaning here.
 *
 * Providers hand out URLs for libpq: `channel_binding`, `gssencmode`, `keepalives` and many more.
 * The library sends what it does not know to Postgres as settings, which refuses them. Settings of a
 * session, such as `application_name` or `statement_timeout`, are ours: fencing and every deadline
 * rest on them. `options` stays, because some proxies find the database by it.
 */
export function connectionUrl(text: string): string {
  const [address = "", query = ""] = text.split(/\?(.*)/s);
  const kept = [...new URLSearchParams(query)].filter(([name]) => UNDERSTOOD.has(name));
  return kept.length === 0 ? address : `${address}?${new URLSearchParams(kept)}`;
}
