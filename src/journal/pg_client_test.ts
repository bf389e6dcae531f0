import assert from "node:assert/strict";
import { ManualRuntime } from "../../tests/support/manual_runtime.ts";
import { PgConnection } from "./pg_connection.ts";
import { codeOf } from "./sqlstate.ts";
import { openPgClient } from "./pg_client.ts";

/** Iterations of the event loop, in each of which a connection that lives on would connect again. */
const ITERATIONS = 50;

Deno.test("a destroyed client went on connecting for queries that had failed long ago", async () => {
  const runtime = new CountingRuntime();
  const client = openPgClient({ ...nowhere(runtime), pace: { openedAtMs: -Infinity } });
  const first = client.sql`select 1`.execute();
  for (let query = 0; query < 10; query++) void client.sql`select 1`.execute().catch(() => {});

  await assert.rejects(first);
  client.destroy();
  await turns();
  const { connects } = runtime;
  await turns();

  assert.equal(runtime.connects, connects);
});

Deno.test("of queries whose connection is lost, each fails at once, not at its deadline", async () => {
  const runtime = new ManualRuntime();
  const connection = new PgConnection({ ...nowhere(runtime), deadlineMs: 5_000 });

  const asked = await Promise.allSettled(
    Array.from({ length: 50 }, () => connection.query("select 1")),
  );

  const codes = asked.map((one) => one.status === "rejected" ? codeOf(one.reason) : "answered");
  assert.deepEqual(new Set(codes), new Set(["ECONNREFUSED", "CONNECTION_DESTROYED"]));
  assert.equal(runtime.deadlines, 0);
  await connection.close();
});

/** Counts how often the pace of connecting is asked for. */
class CountingRuntime extends ManualRuntime {
  connects = 0;

  override monotonic(): number {
    this.connects++;
    return super.monotonic();
  }
}

/** How to connect to a port where nobody listens. */
function nowhere(runtime: ManualRuntime) {
  const url = `postgres://nobody@127.0.0.1:${closedPort()}/none`;
  return { url, runtime, name: "test", session: {}, prepare: true };
}

function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function turns(): Promise<void> {
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    await new Promise((wake) => setTimeout(wake, 0));
  }
}
