import { deepEqual, equal, ok } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";

const INSTANCE = "/v1/systems/inventory/instances/host-1";

Deno.test("a key registers instances of its own systems alone, and for its own namespaces", async () => {
  const fake = fakeApi();
  const key = fake.key(["bus"], ["orders"], ["inventory"]);
  const put = async (path: string, body: unknown, as = key) =>
    (await fake.ask(`PUT ${path}`, { key: as, body })).status;

  equal(await put(INSTANCE, {}), 204);
  equal(await put(INSTANCE, { namespaces: ["orders"] }), 204);
  equal(await put(INSTANCE, { namespaces: ["billing"] }), 403);
  equal(await put("/v1/systems/orders/instances/host-1", {}), 403);
  equal(await put(INSTANCE, {}, fake.key(["read"], ["orders"], ["inventory"])), 403);
  equal((await fake.ask(`DELETE ${INSTANCE}`, { key })).status, 204);
});

Deno.test("a system says when its open circuit is tried, and until when nothing is sent to it", async () => {
  const plain = fakeApi();
  const [inventory] = plain.deps.systems();
  ok(inventory !== undefined);
  const nowMs = plain.runtime.now();
  const limit = { holdUntilMs: nowMs + 60_000 };
  const shown = async (more: Partial<typeof inventory>) => {
    const fake = fakeApi({ systems: () => [{ ...inventory, ...more }] });
    const { circuitTriesAt, heldUntil } = await fake.json("GET /v1/systems/inventory");
    return { circuitTriesAt, heldUntil };
  };

  deepEqual(await shown({ circuit: "open", circuitTriesInMs: 5_000 }), {
    circuitTriesAt: new Date(nowMs + 5_000).toISOString(),
    heldUntil: undefined,
  });
  deepEqual(await shown({ circuit: "open", limit }), {
    circuitTriesAt: undefined,
    heldUntil: new Date(nowMs + 60_000).toISOString(),
  });
});

Deno.test("who uses a system sees how it is, and who speaks for it its instances, but no manifest of others", async () => {
  const fake = fakeApi();
  const shown = async (key: string) => {
    const system = await fake.json("GET /v1/systems/inventory", { key });
    const registered = Array.isArray(system.registered)
      ? system.registered.map(({ instance }) => instance)
      : undefined;
    return { workflows: system.workflows, registered };
  };

  deepEqual(await shown(fake.key(["read"], ["billing"], [])), {
    workflows: ["billing/bill"],
    registered: undefined,
  });
  deepEqual(await shown(fake.key(["read"], ["billing"], ["inventory"])), {
    workflows: ["billing/bill"],
    registered: ["host-1"],
  });
  deepEqual(await shown(fake.key(["read"], ["orders"], ["inventory"])), {
    workflows: ["orders/process"],
    registered: ["host-1", "@orders/process"],
  });
  const stranger = fake.key(["read"], ["inventory"], []);
  equal((await fake.ask("GET /v1/systems/inventory", { key: stranger })).status, 404);
});
