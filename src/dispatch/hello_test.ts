import assert from "node:assert/strict";
import type { Envelope } from "../core/envelope.ts";
import { ANSWERS, IN, mute, openAsked, request } from "../../tests/support/dispatch_harness.ts";

const DATA = {
  instance: "host-1",
  version: "1.4.0",
  capabilities: [{
    name: "stock.check",
    description: "Says what is\u200b in stock",
    version: "1.2.0",
    timeout_ms: 5_000,
    effect: "none",
  }],
  health_url: "http://host-1/health",
  lease_ms: 20_000,
};

function hello(data: unknown = DATA, more: Partial<Envelope> = {}): Envelope {
  return request("", data, { type: "tasker.system.hello", ...more });
}

Deno.test("a hello registers the instance for the system whose channel it came by, and is answered", async () => {
  const { harness, registered } = openAsked();

  await harness.publish(IN, hello());

  assert.deepEqual(registered, [{
    system: "shop",
    instance: "host-1",
    version: "1.4.0",
    capabilities: [{
      name: "stock.check",
      description: "Says what is in stock",
      version: "1.2.0",
      effect: "none",
      timeoutMs: 5_000,
    }],
    healthUrl: "http://host-1/health",
    leaseMs: 20_000,
  }]);
  const [answer] = await harness.taken(ANSWERS);
  assert.equal(answer?.type, "tasker.system.accepted");
  assert.deepEqual(answer?.data, { instance: "host-1" });
});

Deno.test("a hello cannot give its system a namespace, and a goodbye ends only an own instance", async () => {
  const { harness, registered, left } = openAsked();
  const goodbye = { type: "tasker.system.goodbye", id: "r-2" };

  await harness.publish(
    IN,
    mute(hello({ ...DATA, namespaces: ["bank"] })),
    mute(request("", { instance: "host-1" }, goodbye)),
  );

  assert.deepEqual(registered, []);
  assert.equal(harness.dead.letters.length, 1);
  assert.deepEqual(left, ["shop/host-1"]);
});

Deno.test("a hello that waited until it expired revives nobody", async () => {
  const { harness, registered } = openAsked();
  const expirytime = new Date(harness.runtime.now() - 1).toISOString();

  await harness.publish(IN, mute(hello(DATA, { expirytime })));

  assert.deepEqual(registered, []);
  assert.equal(harness.dead.letters.length, 0);
});

Deno.test("a request of a misspelt type is put aside with the types of requests", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, mute(hello(DATA, { type: "tasker.system.helo" })));

  assert.match(
    harness.dead.letters[0]?.reason ?? "",
    /"tasker.system.helo" is none of a request: tasker.task.start, .*tasker.system.hello/,
  );
});
