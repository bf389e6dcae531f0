import assert from "node:assert/strict";
import { PostgresBus } from "../../src/bus/postgres.ts";
import claim from "../../src/bus/sql/claim.sql" with { type: "text" };
import settle from "../../src/bus/sql/settle.sql" with { type: "text" };
import type { Database } from "../../src/core/ports.ts";
import { PostgresDatabase } from "../../src/journal/database.ts";
import { migrate } from "../../src/journal/migrate.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { makeDatabase } from "../support/postgres.ts";
import { busSuite } from "./bus_suite.ts";

const runtime = openRuntime();
const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };

/** One database for the file: tests are kept apart by their channels. */
const { url } = await makeDatabase();
const migrator = new PostgresDatabase({ url, runtime, name: "migrate" });
await migrate(migrator, runtime);
await migrator.close();

function openDatabase(options: { prepare?: boolean } = {}): PostgresDatabase {
  return new PostgresDatabase({ url, runtime, name: "bus", ...options });
}

/** A bus that closes the database it alone uses. */
function openBus(options: { prepare?: boolean } = {}): PostgresBus {
  const database = openDatabase(options);
  const bus = new PostgresBus({ runtime, log: SILENT_LOG, database });
  const close = bus.close.bind(bus);
  bus.close = async () => {
    await close();
    await database.close();
  };
  return bus;
}

busSuite({
  name: "postgres",
  open: () => Promise.resolve(openBus()),
  async abandon(channel, leaseMs) {
    const database = openDatabase();
    const [row] = await database.query(claim, [channel, 1, leaseMs]);
    await database.close();
    return {
      async acknowledge() {
        const database = openDatabase();
        await database.query(settle, [[channel], [row?.id]]);
        await database.close();
      },
    };
  },
});

Deno.test("postgres bus carries between nodes that cannot LISTEN", async () => {
  const [bus, other] = [openBus({ prepare: false }), openBus({ prepare: false })];
  const inbox = new Inbox();
  await other.consume("deaf", OPTIONS, inbox.handle);

  await bus.publish("deaf", envelopesOf("deaf", 3));

  await inbox.has(3);
  await bus.close();
  await other.close();
});

Deno.test("postgres bus finds what was published while its LISTEN was cut", async () => {
  const [bus, other] = [openBus(), openBus()];
  const inbox = new Inbox();
  await other.consume("cut", OPTIONS, inbox.handle);
  await bus.publish("cut", [envelopeOf("before")]);
  await inbox.has(1);

  const database = openDatabase();
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'",
  );
  await bus.publish("cut", [envelopeOf("after")]);

  await inbox.has(2);
  assert.deepEqual(inbox.ids, ["before", "after"]);
  await database.close();
  await bus.close();
  await other.close();
});

Deno.test("postgres bus needs three statements for an envelope of its own node", async () => {
  const database = openDatabase();
  const heard: string[] = [];
  const counted: Database = {
    query(text, parameters) {
      heard.push(text);
      return database.query(text, parameters);
    },
    listen: (channel, call) => database.listen(channel, call),
  };
  const bus = new PostgresBus({ runtime, log: SILENT_LOG, database: counted });
  const inbox = new Inbox();
  const end = await bus.consume("counted", OPTIONS, inbox.handle);
  await bus.publish("counted", [envelopeOf("first")]);
  await inbox.has(1);

  heard.length = 0;
  await bus.publish("counted", [envelopeOf("second")]);
  await inbox.has(2);
  await end();

  const kinds = heard.map((text) => /^(insert|with due|delete|update)/m.exec(text)?.[0]);
  const [insert, ...others] = kinds.filter((kind) => kind !== undefined);
  assert.equal(insert, "insert");
  // The envelope before may still be deleted, and a poll may look once more.
  assert.ok(others.filter((kind) => kind === "delete").length <= 2, kinds.join());
  assert.ok(others.filter((kind) => kind === "with due").length <= 2, kinds.join());
  await bus.close();
  await database.close();
});

Deno.test("postgres bus forgets what nobody took for a month", async () => {
  const database = openDatabase();
  const virtual = new VirtualRuntime();
  const old = "0186b5d5-0000-7000-8000-000000000000";
  await database.query(
    "insert into tasker.bus_envelope (channel, id, body) values ('old', $1, '{}')",
    [old],
  );
  const forgotten = Promise.withResolvers<void>();
  const bus = new PostgresBus({
    runtime: virtual,
    log: SILENT_LOG,
    database: {
      async query(text, parameters) {
        const rows = await database.query(text, parameters);
        if (text.includes("too old for anybody")) forgotten.resolve();
        return rows;
      },
      listen: (channel, call) => database.listen(channel, call),
    },
  });
  await bus.publish("new", [envelopeOf("young")]);

  await virtual.advance(3_600_000);
  await forgotten.promise;

  assert.equal(await bus.depth("old"), 0);
  assert.equal(await bus.depth("new"), 1);
  await bus.close();
  await database.close();
});
