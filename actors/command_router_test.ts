import assert from "node:assert/strict";
import type { Command } from "../src/core/command.ts";
import { slotOf, SLOTS } from "../src/core/ids.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { CommandRouter } from "./command_router.ts";

const never = () => new Promise(() => {});

/** A node that owns nothing: whatever it is sent goes through the inbox. */
function stranger(harness: EngineHarness): CommandRouter {
  return new CommandRouter({ runtime: harness.runtime, nodes: harness.journal, deliver: () => {} });
}

Deno.test("a command sent through two nodes at once was answered to one of them only", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const hand = { by: "ada", reason: "test" };
  const command: Command = { kind: "PauseTask", taskId, commandId: "c", ...hand };

  const answers = Promise.all([stranger(harness).send(command), stranger(harness).send(command)]);
  await harness.runtime.advance(5_000);

  const [one, other] = await Promise.race([answers, harness.runtime.settle().then(() => [])]);
  assert.ok(one !== undefined && other !== undefined);
  assert.deepEqual(one, { ...other, changed: one.changed });
  const events = harness.journal.turns(taskId).flatMap((turn) => turn.events);
  assert.equal(events.filter(({ kind }) => kind === "TaskPaused").length, 1);
});

Deno.test("tenure() stays while a slot stays, and is another one after the slot was away", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const router = stranger(harness);
  const { taskId } = await harness.start();
  const slot = slotOf(taskId);
  const tenures: (number | undefined)[] = [router.tenure(taskId)];

  for (const slots of [[slot], [slot, (slot + 1) % SLOTS], [(slot + 1) % SLOTS], [slot]]) {
    router.own(slots);
    tenures.push(router.tenure(taskId));
  }

  const [before, first, kept, away, again] = tenures;
  assert.deepEqual([before, away], [undefined, undefined]);
  assert.equal(first, kept);
  assert.notEqual(first, again);
});
