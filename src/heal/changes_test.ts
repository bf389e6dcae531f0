import { deepEqual } from "node:assert/strict";
import { applyChanges, conflictsOf, inverseOf } from "./changes.ts";

const CONTENT = { steps: { charge: { timeoutMs: 1_000, retry: { attemptsMax: 2 } } } };

Deno.test("a change sets its value, makes what holds it, and leaves the rest", () => {
  const changed = applyChanges(CONTENT, [
    { path: ["steps", "charge", "timeoutMs"], value: 2_000 },
    { path: ["steps", "*", "ejected", "i-7"], value: 5 },
  ]);

  deepEqual(changed, {
    steps: {
      charge: { timeoutMs: 2_000, retry: { attemptsMax: 2 } },
      "*": { ejected: { "i-7": 5 } },
    },
  });
  deepEqual(CONTENT.steps.charge.timeoutMs, 1_000);
});

Deno.test("the inverse of a change gives the content that was there, whatever it changed", () => {
  const changes = [
    { path: ["steps", "charge", "timeoutMs"], value: 2_000 },
    { path: ["steps", "charge", "retry"], value: undefined },
    { path: ["steps", "*", "ejected", "i-7"], value: 5 },
  ];

  const back = applyChanges(applyChanges(CONTENT, changes), inverseOf(CONTENT, changes));

  deepEqual(back, CONTENT);
});

Deno.test("a value that somebody changed since is a conflict, one in another order is none", () => {
  const changes = [{ path: ["steps", "a", "retry"], value: { attemptsMax: 3, delayMsMin: 1 } }];

  const same = conflictsOf({ steps: { a: { retry: { delayMsMin: 1, attemptsMax: 3 } } } }, changes);
  const other = conflictsOf({ steps: { a: { retry: { attemptsMax: 4 } } } }, changes);

  deepEqual([same, other], [[], ["steps.a.retry"]]);
});
