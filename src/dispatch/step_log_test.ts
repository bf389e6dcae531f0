import { deepEqual, equal } from "node:assert/strict";
import { DispatchHarness } from "../../tests/support/dispatch_harness.ts";
import type { StepLine } from "../core/ports.ts";
import { plainLine, StepLog } from "./step_log.ts";

const OF = { taskId: "t" as never, step: "pay", attempt: 1 };

/** A log whose writes are held until they are let go. */
function openStepLog() {
  const harness = new DispatchHarness();
  const written: StepLine[] = [];
  const gate = Promise.withResolvers<void>();
  const logs = {
    async add(lines: readonly StepLine[]) {
      await gate.promise;
      written.push(...lines);
    },
    read: () => Promise.resolve([]),
  };
  const log = new StepLog({ runtime: harness.runtime, log: harness.log, logs });
  return { log, written, gate, harness };
}

Deno.test("lines of an attempt are written in order, without credentials, and cut", async () => {
  const { log, written, gate } = openStepLog();
  gate.resolve();

  const lines = log.attempt(OF);
  lines.add("asks the bank", { amount: 5 });
  await log.idle();

  deepEqual(written.map(({ number, text, fields }) => [number, text, fields]), [
    [1, "asks the bank", '{"amount":5}'],
  ]);
});

Deno.test("an attempt keeps so many lines, and its last row counts the others", async () => {
  const { log, written, gate, harness } = openStepLog();
  gate.resolve();

  const lines = log.attempt(OF);
  for (let n = 0; n < 600; n++) lines.add(`line ${n}`);
  lines.end();
  await harness.runtime.advance(60_000);

  deepEqual([written.length, written.at(-1)?.number, written.at(-1)?.dropped], [501, 501, 100]);
});

Deno.test("what cannot be written in time is left out: no code waits, and no memory grows", async () => {
  const { log, written, gate, harness } = openStepLog();
  const text = "x".repeat(1_000);

  for (let attempt = 1; attempt <= 200; attempt++) {
    const lines = log.attempt({ ...OF, attempt });
    for (let n = 0; n < 50; n++) lines.add(text);
  }

  equal(written.length, 0);
  gate.resolve();
  await harness.runtime.advance(600_000);
  const size = written.reduce((sum, { text }) => sum + text.length, 0);
  equal(size > 3_000_000 && size <= 4 * 1024 * 1024, true, `${size} of 10,000,000 characters`);
});

Deno.test("of what step code logs, only the field that cannot be shown is replaced", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const throwing = {
    get bad(): string {
      throw new Error("no");
    },
  };
  const unreadable = new Proxy({}, {
    ownKeys() {
      throw new Error("no");
    },
  });

  const { fields } = plainLine("all", {
    ...{ left: 5, big: 12n, cycle, error: new TypeError("away"), none: undefined },
    ...{ inner: { throwing }, unreadable, nan: NaN },
    get direct(): string {
      throw new Error("no");
    },
  });

  const { error, ...others } = fields ?? {};
  const unshown = "(cannot be shown)";
  deepEqual(others, {
    ...{ left: 5, big: "12", cycle: unshown, inner: unshown, unreadable: unshown, nan: null },
    direct: unshown,
  });
  deepEqual(Object.keys(error ?? {}), ["name", "message", "stack"]);
  deepEqual(plainLine("t", unreadable).fields, { fields: unshown });
  equal(plainLine(Object.create(null), undefined).text, unshown);
});
