/** A fresh database for each test, on one real Postgres a process. */

import postgres from "postgres";
import { startEmbeddedPostgres } from "../../src/postgres/embedded.ts";

/** One database, dropped when the server goes. */
export interface TestDatabase {
  readonly url: string;
}

let server: Promise<string> | undefined;

/** Where the embedded server of the tests keeps its data; files of one run share it. */
const DATA_DIR = `${Deno.env.get("TMPDIR") ?? "/tmp"}/tasker-tests-${Deno.pid}`;

async function serverUrl(): Promise<string> {
  const given = Deno.env.get("TEST_DATABASE_URL");
  if (given !== undefined) return given;
  const { url, stop } = await startEmbeddedPostgres({ dataDir: DATA_DIR, onLine: () => {} });
  Deno.test.afterAll(async () => {
    server = undefined;
    await stop();
    await Deno.remove(DATA_DIR, { recursive: true });
  });
  return url;
}

/** Makes an empty database. Call it at the top of a test file, or inside a test. */
export async function makeDatabase(): Promise<TestDatabase> {
  const url = new URL(await (server ??= serverUrl()));
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  // Files of one run may share a server, and a given one keeps the databases of the last run.
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql.unsafe(`create database ${name}`);
  await sql.end();
  url.pathname = `/${name}`;
  return { url: url.href };
}
