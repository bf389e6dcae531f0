import assert from "node:assert/strict";
import { JournalBench, newTask, startRow } from "../../tests/support/journal_node.ts";
import { connectionUrl } from "./pg_client.ts";

/** What providers and people write for libpq. */
const OF_LIBPQ = [
  "channel_binding=require",
  "gssencmode=prefer",
  "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3",
  "connect_timeout=10&tcp_user_timeout=1000",
  "application_name=mine&fallback_application_name=mine&client_encoding=utf8",
  "sslcert=a&sslkey=b&sslcrl=c&sslsni=1&sslcompression=0&ssl_min_protocol_version=TLSv1.2",
  "target_session_attrs=read-write&load_balance_hosts=disable&require_auth=scram-sha-256",
  "pgbouncer=true&schema=public&connection_limit=5",
];

Deno.test("connectionUrl() keeps what the library understands, and the address as it is", () => {
  const address = "postgresql://u:p%40ss@db.example.org:5433/name";

  assert.equal(connectionUrl(address), address);
  assert.equal(connectionUrl(`${address}?${OF_LIBPQ.join("&")}`), address);
  assert.equal(
    connectionUrl(`${address}?sslmode=require&channel_binding=require&options=endpoint%3Dx`),
    `${address}?sslmode=require&options=endpoint%3Dx`,
  );
});

Deno.test("parameters of libpq in DATABASE_URL prevented the start", async () => {
  await using bench = await JournalBench.open({ parameters: OF_LIBPQ.join("&") });
  const node = await bench.node();

  assert.deepEqual(await node.journal.append(startRow(newTask())), { kind: "inserted" });
  const [row] = await node.database.query("select current_setting('application_name') as name");
  assert.match(String(row?.name), new RegExp(`^tasker/${node.incarnation}/`));
});
