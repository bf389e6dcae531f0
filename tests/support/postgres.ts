/** A fresh database for each test, on one real Postgres a process. */

import postgres from "postgres";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/postgres/embedded.ts";
import { makeDataDir } from "./data_dir.ts";

/** One database, dropped when the server goes. */
export interface TestDatabase {
  readonly url: string;
}

let dataDir: string | undefined;
let server: Promise<EmbeddedPostgres> | undefined;

// A hook that is added while a test runs is never called, and its server would outlive the run.
Deno.test.afterAll(async () => {
  if (server === undefined || dataDir === undefined) return;
  await (await server).stop();
  await Deno.remove(dataDir, { recursive: true });
});

async function serverUrl(): Promise<string> {
  const given = Deno.env.get("TEST_DATABASE_URL");
  if (given !== undefined) return given;
  dataDir ??= makeDataDir("postgres");
  server ??= startEmbeddedPostgres({ dataDir, onLine: () => {} });
  return (await server).url;
}

/** Makes an empty database. Call it at the top of a test file, or inside a test. */
export async function makeDatabase(): Promise<TestDatabase> {
  const url = new URL(await serverUrl());
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  // Files of one run may share a server, and a given one keeps the databases of the last run.
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql.unsafe(`create database ${name}`);
  await sql.end();
  url.pathname = `/${name}`;
  return { url: url.href };
}
