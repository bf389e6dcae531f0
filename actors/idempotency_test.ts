import assert from "node:assert/strict";
import type { Command } from "../src/core/command.ts";
import type { JsonText } from "../src/core/payload.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});

Deno.test("a repeat gets its first answer, also after a restart and from a no-op", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const ask = (kind: "PauseTask" | "ResumeTask", commandId: string) =>
    harness.send({ kind, taskId, commandId, ...by });
  const asked = [["PauseTask", "one"], ["PauseTask", "two"], ["ResumeTask", "three"]] as const;

  const first = [];
  for (const [kind, commandId] of asked) first.push(await ask(kind, commandId));
  assert.deepEqual(first.map(({ changed }) => changed), [true, false, true]);

  for (const [at, [kind, commandId]] of asked.entries()) {
    assert.deepEqual(await ask(kind, commandId), first[at]);
  }
  await harness.restart();
  for (const [at, [kind, commandId]] of asked.entries()) {
    assert.deepEqual(await ask(kind, commandId), first[at]);
  }
});

Deno.test("under one key the same input is the same start, in any order of its fields", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const start = (input: string, more: { versionAsked?: string } = {}) =>
    harness.send({
      kind: "StartTask",
      taskId: harness.engine.router.mintTaskId(),
      commandId: harness.runtime.uuid(),
      namespace: "test",
      workflow: harness.plan.workflow,
      version: "1.0.0",
      definitionHash: harness.plan.hash,
      input: input as JsonText,
      tags: [],
      key: "k",
      ...more,
    });
  const first = await start('{"a":1,"b":[{"c":2,"d":3}]}');

  const again = await start('{"b":[{"d":3,"c":2}],"a":1}');

  assert.equal(again.taskId, first.taskId);
  const conflict = { code: "journal.conflict" };
  await assert.rejects(start('{"a":1,"b":[{"c":2,"d":4}]}'), conflict);
  await assert.rejects(start('{"a":1,"b":[{"c":2,"d":3}]}', { versionAsked: "1.0.0" }), conflict);
});

Deno.test("a second signal that comes early is refused, its repeat is not", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, {
    name: "ok",
    kind: "signal",
    after: ["a"],
  }], {
    a: never,
  });
  const { taskId } = await harness.start();
  const signal = (commandId: string): Command => ({
    kind: "SendSignal",
    taskId,
    commandId,
    name: "ok",
    payload: "1" as JsonText,
  });
  const first = await harness.send(signal("one"));

  await assert.rejects(harness.send(signal("two")), { code: "signal.not_awaited" });
  assert.deepEqual(await harness.send(signal("one")), first);
});
