import assert from "node:assert/strict";
import { ManualRuntime } from "../../tests/support/manual_runtime.ts";
import { comesAbout, JournalBench } from "../../tests/support/journal_node.ts";
import type { Incarnation } from "../core/ids.ts";
import { openJournal } from "./open.ts";

Deno.test("openJournal() left its connections open when the schema was refused", async () => {
  await using bench = await JournalBench.open();
  await bench.node();
  const sql = bench.watch();
  await sql`
    insert into tasker.migration (name, digest, is_breaking) values ('9999_newer', '', true)`;
  const runtime = new ManualRuntime();
  const incarnation = runtime.uuid() as Incarnation;

  const opening = openJournal({ url: bench.url, runtime, incarnation, onWarning: () => {} });
  await assert.rejects(opening);

  await comesAbout("no connection is left", async () => {
    const left = await sql`
      select 1 from pg_stat_activity
      where starts_with(application_name, ${`tasker/${incarnation}`})`;
    return left.length === 0;
  });
  assert.equal(runtime.deadlines, 0);
});
