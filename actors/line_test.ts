import assert from "node:assert/strict";
import { PRIORITY } from "../src/core/starts.ts";
import { Line, type Waiter } from "./line.ts";

interface One extends Waiter<One> {
  readonly name: string;
}

function waiter(name: string, waitsUntilMs = Infinity, priority: number = PRIORITY.default): One {
  return { name, waitsUntilMs, waitsSinceMs: 0, timeoutMs: 1_000, priority };
}

/** Serves so many at a time; returns their names. */
function serve(line: Line<One>, count: number, nowMs: number): string {
  const names: string[] = [];
  for (let served = 0; served < count; served++) {
    const next = line.next(nowMs);
    if (next === undefined) break;
    line.leave(next, { nowMs, isServed: true });
    names.push(next.name);
  }
  return names.join("");
}

Deno.test("a line that nobody leaves late serves in order, with and without deadlines", () => {
  const line = new Line<One>();
  for (const name of "abcdef") line.join(waiter(name, name < "d" ? 1_000 : Infinity), 0);

  assert.equal(serve(line, 6, 500), "abcdef");
});

Deno.test("once somebody is served late, the newest of those with a deadline is next", () => {
  const line = new Line<One>();
  for (const [index, name] of [..."abcde"].entries()) line.join(waiter(name, 2_000), index * 100);

  assert.equal(serve(line, 5, 1_001), "aedcb");
});

Deno.test("once somebody gives up late, the newest of those with a deadline is next", () => {
  const line = new Line<One>();
  const old = waiter("o", 1_000);
  line.join(old, 0);
  for (const name of "abc") line.join(waiter(name, 60_000), 0);

  line.leave(old, { nowMs: 1_000, isServed: false });

  assert.equal(serve(line, 3, 1_000), "cba");
});

Deno.test("a saturated line that is served soon is served in order: nobody is late in it", () => {
  const line = new Line<One>();
  for (let at = 0; at < 20; at++) line.join(waiter(".", Infinity), at * 10);
  const old = waiter("o", 1_000);
  line.join(old, 0);
  assert.equal(serve(line, 20, 200), ".".repeat(20));
  for (const name of "abc") line.join(waiter(name, 60_000), 900);

  line.leave(old, { nowMs: 1_000, isServed: false });

  assert.equal(line.isSaturated(1_000), true);
  assert.equal(serve(line, 3, 1_000), "abc");
});

Deno.test("those who can wait keep their order in a saturated line, and get every second turn", () => {
  const line = new Line<One>();
  line.join(waiter("0", 100), 0);
  for (const name of "aAbBcC") line.join(waiter(name, name < "a" ? 60_000 : Infinity), 0);

  assert.equal(serve(line, 7, 90), "0aCbBcA");
});

Deno.test("a line in which nobody was late for a second serves in order again", () => {
  const line = new Line<One>();
  line.join(waiter("0", 100), 0);
  assert.equal(serve(line, 1, 90), "0");
  for (const name of "abc") line.join(waiter(name, 60_000), 90);

  assert.equal(serve(line, 3, 1_090), "abc");
});

Deno.test("a higher priority goes first, and every eighth turn is that of who has waited longest", () => {
  const line = new Line<One>();
  for (const name of "abc") line.join(waiter(name, Infinity, 5), 0);
  for (const name of "0123456789") line.join(waiter(name, Infinity, 1), 10);

  assert.equal(serve(line, 13, 100), "0123456a789bc");
});

Deno.test("those before one of a priority are what it waits for", () => {
  const line = new Line<One>();
  for (let count = 0; count < 100; count++) line.join(waiter("w", Infinity, 3), 0);
  for (let count = 0; count < 200; count++) line.join(waiter("w", Infinity, 5), 0);
  let nowMs = 0;
  for (let count = 0; count < 10; count++) serve(line, 1, nowMs += 1_000);

  const [high, low] = [line.drainMs(nowMs, 2), line.drainMs(nowMs, 5)];

  assert.deepEqual([high, low], [0, 290_000]);
  assert.equal(line.drainMs(nowMs, 3), 90_000);
});

Deno.test("without deadlines the newest are next while whoever comes would wait for minutes in order", () => {
  const line = new Line<One>();
  let nowMs = 0;
  for (let count = 0; count < 400; count++) line.join(waiter("o"), nowMs);
  for (let count = 0; count < 120; count++) assert.equal(serve(line, 1, nowMs += 1_000), "o");
  for (const name of "abcdefgh") line.join(waiter(name), nowMs);

  assert.equal(serve(line, 9, nowMs += 1_000), "hgfedcboa");

  for (let count = 0; count < 200; count++) serve(line, 1, nowMs += 1_000);
  for (const name of "xyz") line.join(waiter(name), nowMs);
  assert.equal(serve(line, 1, nowMs), "o");
});

Deno.test("drainMs() is how long a line takes to serve who waits, at its pace", () => {
  const line = new Line<One>();
  for (let count = 0; count < 1_000; count++) line.join(waiter("w"), 0);
  let nowMs = 0;
  for (let count = 0; count < 400; count++) serve(line, 1, nowMs += 100);
  assert.ok(Math.abs(line.drainMs(nowMs) - 60_000) < 1_000, `${line.drainMs(nowMs)}`);

  for (let count = 0; count < 500; count++) serve(line, 1, nowMs += 1_000);
  assert.ok(Math.abs(line.drainMs(nowMs) - 100_000) < 10_000, `${line.drainMs(nowMs)}`);
  serve(line, 100, nowMs);

  assert.equal(line.drainMs(nowMs), 0);
});
