import { deepEqual, equal } from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import { firstIdAt, mintTaskId } from "../core/ids.ts";
import type { Audit, AuditRow } from "../core/ports.ts";
import { PostgresAudit } from "./audit.ts";
import { MemoryAudit } from "../../tests/support/memory_audit.ts";

function rowAt(atMs: number, of: Partial<AuditRow> = {}): AuditRow {
  return {
    id: mintTaskId(atMs, 0, crypto.randomUUID()),
    keyId: "key_1",
    by: "ada (key key_1)",
    agent: "tasker",
    operation: "startTask",
    scope: "write",
    target: "shop/checkout t1",
    outcome: "done",
    isDryRun: false,
    undo: "cancel t1",
    ...of,
  };
}

async function filters(audit: Audit): Promise<void> {
  const rows = [
    rowAt(1_000),
    rowAt(2_000, { operation: "deployWorkflow", target: "shop/checkout 1.0.0", isDryRun: true }),
    rowAt(3_000, { target: "shop/checkout2 t2", outcome: "api.forbidden", keyId: "key_2" }),
  ];
  const { undo: _, ...refused } = rows[2] as AuditRow;
  const [started, deployed] = rows as [AuditRow, AuditRow];
  await audit.add([started, deployed]);
  await audit.add([deployed, refused]);
  const list = async (filter: Parameters<Audit["list"]>[0], limit = 10) =>
    (await audit.list(filter, limit)).rows;

  deepEqual(await list({}), [refused, deployed, started]);
  deepEqual(await list({ keyId: "key_2" }), [refused]);
  deepEqual(await list({ operation: "startTask", outcome: "done" }), [started]);
  deepEqual(await list({ target: "shop/checkout" }), [deployed, started]);
  deepEqual(await list({ target: "shop/checkout 1.0.0" }), [deployed]);
  deepEqual(await list({ sinceMs: 2_000 }), [refused, deployed]);
  deepEqual(await list({ before: deployed.id }), [started]);
  deepEqual(await audit.list({}, 2), { rows: [refused, deployed], next: deployed.id });
  equal(await audit.removeOld(2_000), false);
  deepEqual(await list({}), [refused, deployed]);
}

Deno.test("the audit in memory filters, pages, takes a row once and removes what is old", async () => {
  await filters(new MemoryAudit());
});

Deno.test("the audit in Postgres filters, pages, takes a row once and removes what is old", async () => {
  await using bench = await JournalBench.open();
  const { database } = await bench.node();

  await filters(new PostgresAudit(database));
});

Deno.test("a page of the audit looks through a bounded number of rows and says where to go on", async () => {
  await using bench = await JournalBench.open();
  const { database } = await bench.node();
  const audit = new PostgresAudit(database);
  await audit.add([rowAt(1, { operation: "removeKey" })]);
  for (let part = 0; part < 50; part++) {
    await audit.add(Array.from({ length: 1_000 }, (_, at) => rowAt(1_000 + part * 1_000 + at)));
  }
  const filter = { operation: "removeKey" };

  const first = await audit.list(filter, 10);
  const second = await audit.list({ ...filter, before: first.next ?? "" }, 10);
  const last = await audit.list({ ...filter, before: second.next ?? "" }, 10);

  deepEqual([first.rows, second.rows], [[], []]);
  deepEqual(first.next?.slice(0, 13), firstIdAt(31_000).slice(0, 13));
  equal(last.rows.length, 1);
  equal(last.next, undefined);
  equal(await audit.removeOld(60_000), true);
});
