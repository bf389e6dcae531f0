import assert from "node:assert/strict";
import { sizeOfEvent } from "../src/core/event.ts";
import { TURN_SIZE_MAX } from "../src/core/live_task.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { TurnRow } from "../src/core/ports.ts";
import { Mailbox, MAILBOX_SIZE_MAX } from "./mailbox.ts";

const LARGE = "x".repeat(250 * 1024);
const never = () => new Promise(() => {});

/** Notes the size of each row in characters. */
function sizesOf(harness: EngineHarness): number[] {
  const sizes: number[] = [];
  harness.faults.append = ({ events }: TurnRow) => {
    sizes.push(events.reduce((sum, event) => sum + sizeOfEvent(event), 0));
    return undefined;
  };
  return sizes;
}

Deno.test("large results of a fan-out became one row", async () => {
  const names = Array.from({ length: 40 }, (_, at) => `s${at}`);
  const code = Object.fromEntries(names.map((name) => [name, () => LARGE]));
  const harness = await EngineHarness.open(names.map((name) => ({ name })), code);
  const sizes = sizesOf(harness);

  const { taskId } = await harness.start();
  await harness.runtime.settle();

  assert.equal(harness.state(taskId).end, "completed");
  const largest = Math.max(...sizes);
  assert.ok(largest <= TURN_SIZE_MAX + LARGE.length, `a row of ${largest} characters`);
});

Deno.test("large signals that came early became one row when their steps started", async () => {
  const names = Array.from({ length: 12 }, (_, at) => `s${at}`);
  const signals = names.map((name) => ({ name, kind: "signal" as const, after: ["first"] }));
  let end = () => {};
  const harness = await EngineHarness.open([{ name: "first" }, ...signals], {
    first: () => new Promise<void>((resolve) => end = resolve),
  });
  const { taskId } = await harness.start();
  const payload = JSON.stringify(LARGE) as JsonText;
  for (const name of names) {
    await harness.send({ kind: "SendSignal", taskId, name, payload, commandId: name });
  }
  const sizes = sizesOf(harness);

  end();
  await harness.runtime.settle();

  assert.equal(harness.state(taskId).end, "completed");
  const largest = Math.max(...sizes);
  assert.ok(largest <= TURN_SIZE_MAX + 2 * LARGE.length, `a row of ${largest} characters`);
});

Deno.test("a mailbox bounds what comes from outside by its size, and refuses no result", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const mailbox = new Mailbox();
  const payload = LARGE as JsonText;
  const signal = { kind: "SendSignal", taskId, name: "s", payload, commandId: "c" } as const;
  const fitting = Math.floor(MAILBOX_SIZE_MAX / (LARGE.length + 64));
  for (let count = 0; count < fitting; count++) mailbox.put({ command: signal, failedTries: 0 });

  assert.throws(() => mailbox.put({ command: signal, failedTries: 0 }), { code: "mailbox.full" });
  const outcome = { kind: "completed", result: payload } as const;
  mailbox.put({
    command: { kind: "RecordStepResult", taskId, step: 0, attempt: 1, outcome },
    failedTries: 0,
  });
  assert.equal(mailbox.take(1).length, 1);
  mailbox.put({ command: signal, failedTries: 0 });

  assert.equal(mailbox.size, fitting + 1);
});
