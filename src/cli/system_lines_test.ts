import { deepEqual } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("systems draws owners with circuit and queue", async () => {
  deepEqual((await openCliHarness().say("systems")).out, [
    "SYSTEM     KIND    STATE   INSTANCES  QUEUED  WORKFLOWS",
    "inventory  remote  closed             3       orders/process, billing/bill",
  ]);
});

Deno.test("systems shows which have never had a worker", async () => {
  const shipper = { name: "shipper", kind: "remote", workflows: ["a/b"] } as const;
  const deps = {
    systems: () => [{ ...shipper, circuit: "closed" as const, instances: [] }],
    queueOf: () => Promise.resolve({ queued: 0, hasWorker: false }),
  };

  deepEqual((await openCliHarness({ deps }).say("systems")).out, [
    "SYSTEM   KIND    STATE          INSTANCES  QUEUED  WORKFLOWS",
    "shipper  remote  no worker yet             0       a/b",
  ]);
});

Deno.test("systems and system show that no instance is healthy, and why steps wait", async () => {
  const instance = {
    system: "shipper",
    instance: "host-1",
    version: "1.4.0",
    isDeclared: false,
    namespaces: [],
    capabilities: [{
      name: "parcel.send",
      description: "Sends a parcel",
      version: "2.0.0",
      effect: "external",
    }],
  } as const;
  const instances = [
    { ...instance, state: "gone" as const },
    { ...instance, instance: "host-2", state: "unhealthy" as const },
  ];
  const shipper = { name: "shipper", kind: "remote", workflows: ["a/b"] } as const;
  const found = { ...shipper, circuit: "closed" as const, instances };
  const row = { ...instances[1] as (typeof instances)[1], detail: "it answered 503" };
  const times = { sinceMs: 0, expiresAtMs: 30_000 };
  const declared = {
    ...row,
    instance: "@a/b",
    isDeclared: true,
    namespaces: ["a"],
    state: "healthy" as const,
    detail: "a manifest declares it",
  };
  const deps = {
    systems: () => [found],
    queueOf: () => Promise.resolve({ queued: 0, hasWorker: true }),
    instancesOf: () => Promise.resolve([{ ...row, ...times }, { ...declared, ...times }]),
  };

  deepEqual((await openCliHarness({ deps }).say("systems")).out, [
    "SYSTEM   KIND    STATE                INSTANCES            QUEUED  WORKFLOWS",
    "shipper  remote  no healthy instance  1 unhealthy, 1 gone  0       a/b",
  ]);
  deepEqual((await openCliHarness({ deps }).say("system", "shipper")).out, [
    "shipper  remote, no healthy instance",
    "instances  1 unhealthy, 1 gone",
    "queued     0",
    "workflows  a/b",
    "",
    "CAPABILITY   VERSION  EFFECT    TIMEOUT  DESCRIPTION",
    "parcel.send  2.0.0    external           Sends a parcel",
    "",
    "INSTANCE  VERSION  STATE      SINCE (UTC)          WHY",
    "host-2    1.4.0    unhealthy  1970-01-01 00:00:00  it answered 503",
    "@a/b      1.4.0    declared   1970-01-01 00:00:00  a manifest declares it",
  ]);

  const polled = {
    ...deps,
    systems: () => [{ ...found, instances: [declared] }],
    instancesOf: () => Promise.resolve([{ ...declared, ...times }]),
  };
  const { out } = await openCliHarness({ deps: polled }).say("system", "shipper");
  deepEqual([out[1], out.at(-1)?.slice(0, 27)], [
    "instances  none registered; a worker has connected",
    "@a/b      1.4.0    declared",
  ]);
});
