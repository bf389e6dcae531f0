import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import { TaskerError } from "../core/errors.ts";
import type { Database, NewInstance } from "../core/ports.ts";

function instance(more: Partial<NewInstance> = {}): NewInstance {
  return {
    system: "inventory",
    instance: "a",
    isDeclared: false,
    version: "1.0.0",
    capabilities: [{ name: "stock.check", version: "1.2.0", input: { type: "object" } }],
    healthUrl: "http://a/health",
    namespaces: ["orders"],
    leaseMs: 30_000,
    ...more,
  };
}

/** Stores many instances at once, spread over systems of a prefix; the first is gone the longest. */
async function fill(
  { database }: { readonly database: Database },
  { count, systems = 1, state = "healthy" }: { count: number; systems?: number; state?: string },
) {
  await database.query(
    `insert into tasker.system_instance (system, instance, is_declared, version, capabilities, digest,
       bytes, namespaces, state, since, lease_ms, expires_at)
     select 's' || n % $2::int, $3::text || n, false, '1.0.0', '[]', 'd', 2, '{}', $3,
       now() - interval '1 hour' + n * interval '1 ms', 3600000, now() + interval '1 hour'
     from generate_series(0, $1::int - 1) n`,
    [count, systems, state],
  );
}

function isFull(says: RegExp) {
  return (error: unknown) =>
    error instanceof TaskerError && error.code === "system.full" && says.test(error.message);
}

Deno.test("a registered instance is read by every node as it was registered", async () => {
  await using bench = await JournalBench.open();
  const [one, other] = [await bench.node(), await bench.node()];

  await one.systems.register(instance());

  const { leaseMs: _, ...known } = instance();
  const { version, instances } = await other.systems.read();
  assert.deepEqual(instances, [{ ...known, state: "healthy" }]);
  assert.equal((await other.nodes.poll()).systemsVersion, version);
});

Deno.test("a renewal is no change for other nodes, and any difference is one", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  assert.equal(await systems.register(instance()), "changed");
  const { version } = await systems.read();

  assert.equal(await systems.register(instance()), "renewed");
  assert.equal((await systems.read()).version, version);
  const others: readonly Partial<NewInstance>[] = [
    { version: "1.0.1" },
    { capabilities: [] },
    { healthUrl: undefined },
    { namespaces: [] },
    { leaseMs: 40_000 },
  ];
  for (const [index, more] of others.entries()) {
    assert.equal(await systems.register(instance(more)), "changed", Object.keys(more)[0]);
    assert.equal((await systems.read()).version, version + index + 1);
  }
});

Deno.test("a registration that names no namespaces leaves those that were given", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  const { namespaces: _, ...hello } = instance();
  const namespaces = async () =>
    (await systems.read()).instances.map((one) => [one.version, one.namespaces]);
  await systems.register(hello);
  assert.deepEqual(await namespaces(), [["1.0.0", []]]);
  await systems.register(instance());

  assert.equal(await systems.register(hello), "renewed");
  assert.equal(await systems.register({ ...hello, version: "1.1.0" }), "changed");

  assert.deepEqual(await namespaces(), [["1.1.0", ["orders"]]]);
});

Deno.test("what one system offers is known of that system alone", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  const { system, capabilities } = instance();
  await systems.register(instance());
  await systems.read();

  assert.equal(systems.isKnown(system, capabilities), true);
  assert.equal(systems.isKnown("another", capabilities), false);
});

Deno.test("of nodes that register the same instance at once all succeed", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node(), await bench.node()];

  await Promise.all(
    nodes.flatMap(({ systems }) =>
      Array.from({ length: 20 }, (_, at) => systems.register(instance({ instance: `i${at}` })))
    ),
  );

  assert.equal((await nodes[0]?.systems.read())?.instances.length, 20);
});

Deno.test("a lease that is over ends once, and a registration brings the instance back", async () => {
  await using bench = await JournalBench.open();
  const { systems, database } = await bench.node();
  await systems.register(instance());
  await database.query("update tasker.system_instance set expires_at = now() - interval '1 s'");

  assert.deepEqual(await systems.endLeases({ afresh: false }), ["inventory/a"]);
  assert.deepEqual(await systems.endLeases({ afresh: false }), []);
  assert.deepEqual((await systems.read()).instances.map(({ state }) => state), ["gone"]);
  assert.equal(await systems.register(instance()), "changed");
  assert.deepEqual((await systems.read()).instances.map(({ state }) => state), ["healthy"]);
});

Deno.test("leases that begin afresh do not end, however old they are", async () => {
  await using bench = await JournalBench.open();
  const { systems, database } = await bench.node();
  await systems.register(instance());
  await database.query("update tasker.system_instance set expires_at = now() - interval '1 day'");

  assert.deepEqual(await systems.endLeases({ afresh: true }), []);
  assert.deepEqual((await systems.read()).instances.map(({ state }) => state), ["healthy"]);
});

Deno.test("an instance that is long gone is forgotten, but not the last one of its system", async () => {
  await using bench = await JournalBench.open();
  const { systems, database } = await bench.node();
  for (const name of ["a", "b"]) await systems.register(instance({ instance: name }));
  await systems.register(instance({ system: "declared", instance: "@o/p", isDeclared: true }));
  await database.query("update tasker.system_instance set state = 'gone', since = '2020-01-01'");
  const { version } = await systems.read();

  await systems.endLeases({ afresh: false });

  const read = await systems.read();
  assert.deepEqual(read.instances.map(({ instance }) => instance), ["b"]);
  assert.equal(read.version, version + 1);
});

Deno.test("leave() ends a lease, forget() removes the instance, and both say whether it was there", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  await systems.register(instance());

  assert.deepEqual([await systems.leave("inventory", "a"), await systems.leave("inventory", "x")], [
    true,
    false,
  ]);
  assert.equal((await systems.read()).instances[0]?.state, "gone");
  assert.equal((await systems.list("inventory"))[0]?.detail, "it said goodbye");
  assert.equal(await systems.forget("inventory", "a"), true);
  assert.equal(await systems.forget("inventory", "a"), false);
  assert.deepEqual((await systems.read()).instances, []);
});

Deno.test("what a check found stays through renewals, and ends with another health URL", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  await systems.register(instance());
  const found = { system: "inventory", instance: "a", healthUrl: "http://a/health" };
  const stateNow = async () => (await systems.read()).instances[0]?.state;

  await systems.report([{ ...found, state: "unhealthy", detail: "answered 500" }]);
  assert.equal(await stateNow(), "unhealthy");
  assert.equal((await systems.list("inventory"))[0]?.detail, "answered 500");
  await systems.register(instance({ version: "1.0.1" }));
  assert.equal(await stateNow(), "unhealthy");
  await systems.register(instance({ healthUrl: "http://b/health" }));
  assert.equal(await stateNow(), "healthy");
  await systems.report([{ ...found, state: "unhealthy", detail: "late, of the URL before" }]);
  assert.equal(await stateNow(), "healthy");
});

Deno.test("capabilities have a limit in bytes for each system, counted once for equal ones", async () => {
  await using bench = await JournalBench.open();
  const { systems } = await bench.node();
  const large = (seed: number) => [{ name: "x", input: { title: `${seed}`.padEnd(60_000, "x") } }];
  for (let at = 0; at < 30; at++) {
    await systems.register(instance({ instance: `same${at}`, capabilities: large(0) }));
  }
  for (let at = 1; at < 17; at++) {
    await systems.register(instance({ instance: `other${at}`, capabilities: large(at) }));
  }

  await assert.rejects(
    systems.register(instance({ instance: "more", capabilities: large(99) })),
    (error) => error instanceof TaskerError && error.code === "system.full",
  );
  await systems.register(instance({ system: "else", capabilities: large(99) }));
  assert.equal(
    await systems.register(instance({ instance: "same0", capabilities: large(0) })),
    "renewed",
  );
});

Deno.test("a system that is full refuses others of its own, but neither other systems nor manifests", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await fill(node, { count: 500 });
  const { systems } = node;

  await assert.rejects(systems.register(instance({ system: "s0" })), isFull(/has 500 living/));
  assert.equal(await systems.register(instance({ system: "s0", instance: "healthy7" })), "changed");
  assert.equal(await systems.register(instance({ system: "s1" })), "changed");
  const declared = instance({ system: "s0", instance: "@o/p", isDeclared: true });
  assert.equal(await systems.register(declared), "changed");
});

Deno.test("in a full system the instance that is gone the longest makes room, and only in that system", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await fill(node, { count: 498 });
  await fill(node, { count: 4, systems: 2, state: "gone" });

  await node.systems.register(instance({ system: "s0" }));

  const { instances } = await node.systems.read();
  assert.deepEqual(
    instances.filter(({ state }) => state === "gone").map(({ instance }) => instance),
    ["gone2", "gone1", "gone3"],
  );
});

Deno.test("of all systems only living instances count, and a manifest is registered beside them", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const { systems, database } = node;
  await fill(node, { count: 5_000, systems: 10 });
  const declared = instance({ instance: "@o/p", isDeclared: true });

  await assert.rejects(systems.register(instance()), isFull(/have 5000 living/));
  assert.equal(await systems.register(declared), "changed");
  await database.query("update tasker.system_instance set state = 'gone'");
  assert.equal(await systems.register(instance()), "changed");
});

Deno.test("capabilities of gone instances make room for those of a living one", async () => {
  await using bench = await JournalBench.open();
  const { systems, database } = await bench.node();
  await systems.register(instance({ instance: "gone" }));
  await database.query("update tasker.system_instance set state = 'gone', bytes = 1048576");

  assert.equal(await systems.register(instance()), "changed");
  assert.deepEqual((await systems.read()).instances.map(({ instance }) => instance), ["a"]);
});

Deno.test("what manifests declare is renewed by one statement; what is new or different is returned", async () => {
  await using bench = await JournalBench.open();
  const { systems, database } = await bench.node();
  const declared = (of: Parameters<typeof instance>[0]) =>
    instance({ isDeclared: true, instance: "@o/p", namespaces: ["o"], ...of });
  const [kept, changed, gone] = [
    declared({ system: "s0" }),
    declared({ system: "s1" }),
    declared({ system: "s2" }),
  ] as const;
  assert.deepEqual(await systems.renew([kept, changed, gone]), [kept, changed, gone]);
  for (const one of [kept, changed, gone]) await systems.register(one);
  await database.query(
    "update tasker.system_instance set expires_at = now() + interval '1 second'",
  );
  await database.query("update tasker.system_instance set state = 'gone' where system = 's2'");
  const newer = { ...changed, version: "2.0.0" };
  const { version } = await systems.read();

  assert.deepEqual(await systems.renew([kept, newer, gone]), [newer, gone]);

  const rows = await database.query(
    "select system from tasker.system_instance where expires_at > now() + interval '5 seconds'",
  );
  assert.deepEqual(rows.map(({ system }) => system), ["s0"]);
  assert.equal((await systems.read()).version, version);
});
