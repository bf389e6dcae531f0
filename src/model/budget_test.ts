import { equal } from "node:assert/strict";
import { type CallEnd, ModelBudget } from "./budget.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A budget and a clock: `ask` makes one call that ends at once, and says how it was granted. */
function openBudget() {
  const budget = new ModelBudget();
  let nowMs = 1_000;
  const begin = (tokens = 1_000, namespace = "shop") => budget.ask(namespace, { tokens, nowMs });
  const ask = (end: Partial<CallEnd> = {}, tokens = 1_000): string => {
    const granted = begin(tokens);
    if (typeof granted === "string") return granted;
    granted({ tokens, isUseful: true, nowMs, ...end });
    return "granted";
  };
  return { begin, ask, pass: (ms: number) => void (nowMs += ms), now: () => nowMs };
}

Deno.test("tokens come back with time, and those that were not used at once", () => {
  const { ask, pass } = openBudget();

  equal(ask({ tokens: 20_000 }, 30_000), "granted");
  equal(ask({ tokens: 10_000 }, 10_000), "granted");
  equal(ask({}, 1_000), "no_tokens_left");
  pass(MINUTE_MS / 30);
  equal(ask({}, 1_000), "granted");
  equal(ask({}, 1), "no_tokens_left");
  pass(DAY_MS);
  equal(ask({}, 30_001), "no_tokens_left");
  equal(ask({}, 30_000), "granted");
});

Deno.test("calls of a day are counted, and come back the next day", () => {
  const { ask, pass } = openBudget();

  for (let count = 0; count < 200; count += 1) {
    equal(ask(), "granted");
    pass(MINUTE_MS / 30);
  }

  equal(ask(), "no_calls_left");
  pass(DAY_MS);
  equal(ask(), "granted");
});

Deno.test("a circuit opens after three failures, for twice as long each time, and tries once", () => {
  const { ask, begin, pass, now } = openBudget();
  const fails = { isUseful: false };

  for (let count = 0; count < 3; count += 1) equal(ask(fails), "granted");
  equal(ask(), "circuit_open");
  pass(MINUTE_MS);
  const first = begin();
  equal(begin(), "too_many_at_once");
  if (typeof first === "string") throw new Error(first);
  first({ tokens: 0, isUseful: false, nowMs: now() });
  pass(MINUTE_MS);
  equal(ask(), "circuit_open");
  pass(MINUTE_MS);
  equal(ask(), "granted");
  equal(ask(fails), "granted");
  equal(ask(), "granted");
});

Deno.test("a circuit is never open for longer than half an hour", () => {
  const { ask, pass } = openBudget();

  for (let count = 0; count < 40; count += 1) {
    ask({ isUseful: false });
    pass(DAY_MS);
  }

  equal(ask({ isUseful: false, retryAfterMs: DAY_MS }), "granted");
  pass(30 * MINUTE_MS - 1);
  equal(ask(), "circuit_open");
  pass(1);
  equal(ask(), "granted");
});

Deno.test("what a model asks for by Retry-After is waited for", () => {
  const { ask, pass } = openBudget();

  equal(ask({ isUseful: false, retryAfterMs: 10_000 }), "granted");

  pass(9_999);
  equal(ask(), "circuit_open");
  pass(1);
  equal(ask(), "granted");
});

Deno.test("a namespace does not spend what is another's", () => {
  const { begin } = openBudget();

  begin(30_000);

  equal(begin(1), "no_tokens_left");
  equal(typeof begin(30_000, "billing"), "function");
});
