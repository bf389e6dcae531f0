import assert from "node:assert/strict";
import { BUS, PROOF_MS } from "../core/outages.ts";
import { away, DispatchHarness } from "./_dispatch_harness.ts";
import { watchBus } from "./bus_watch.ts";

Deno.test("a bus that answers no ping is away from its last answer to the next", async () => {
  const { runtime, outages } = new DispatchHarness();
  let [pings, isAway] = [0, false];
  const ping = () => {
    pings++;
    return isAway ? Promise.reject(away()) : Promise.resolve();
  };
  const end = watchBus({ runtime, bus: { ping } }, outages);
  await runtime.advance(5 * PROOF_MS);
  const sinceMs = runtime.now();
  const dueAtMs = sinceMs + 2_000;
  isAway = true;
  await runtime.advance(10 * PROOF_MS);
  isAway = false;
  await runtime.advance(10 * PROOF_MS);

  const due = outages.postponed([BUS], { sinceMs, dueAtMs, nowMs: runtime.now() });
  end();
  const before = pings;
  await runtime.advance(10 * PROOF_MS);

  assert.equal(due, dueAtMs + 2 * 11 * PROOF_MS);
  assert.equal(pings, before);
});
