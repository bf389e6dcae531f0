import assert from "node:assert/strict";
import { Line, type Waiter } from "./line.ts";

interface One extends Waiter<One> {
  readonly name: string;
}

function waiter(name: string, waitsUntilMs = Infinity): One {
  return { name, waitsUntilMs, waitsSinceMs: 0 };
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
