import { deepEqual, equal } from "node:assert/strict";
import type { OverlayChange } from "../core/healing.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import {
  fateOf,
  keepChange,
  putChange,
  standingOf,
  takeBack,
  triedPercentOf,
  tryOther,
  widen,
} from "./overlay_change.ts";

const CHANGE: OverlayChange = {
  namespace: "shop",
  name: "order",
  changes: [{ path: ["steps", "charge", "timeoutMs"], value: 4_000 }],
};
const DEED = { incident: "t1", change: CHANGE, why: "it is slow", nowMs: 5 };
const BEFORE = { steps: { charge: { timeoutMs: 2_000 }, "*": { heartbeatMs: 9 } } };

async function opened() {
  const policies = new MemoryPolicies();
  await policies.put("shop", "order", { ...BEFORE, by: "ada", reason: "first", atMs: 1 });
  const steps = async () => (await policies.versions("shop", "order")).map((one) => one.steps);
  return { policies, steps };
}

Deno.test("a change that is put again after a crash is the same version", async () => {
  const { policies, steps } = await opened();

  const first = await putChange(policies, DEED, { percent: 20 });
  const again = await putChange(policies, DEED, { percent: 20 });

  deepEqual(again, first);
  equal((await steps()).length, 2);
});

Deno.test("what a share has tried is kept for all once, and not before others' versions", async () => {
  const { policies, steps } = await opened();
  await putChange(policies, DEED, { percent: 20 });

  const kept = await keepChange(policies, DEED);
  const again = await keepChange(policies, DEED);

  deepEqual([kept, again], [
    { kind: "put", version: 3, base: 2 },
    { kind: "put", version: 3, base: 2 },
  ]);
  deepEqual((await steps()).at(-1), { charge: { timeoutMs: 4_000 }, "*": { heartbeatMs: 9 } });
  equal((await policies.versions("shop", "order")).at(-1)?.canary, undefined);
});

Deno.test("a change that is taken back leaves exactly what was there, once", async () => {
  for (const percent of [20, undefined]) {
    const { policies, steps } = await opened();
    await putChange(policies, DEED, { percent });

    await takeBack(policies, DEED);
    await takeBack(policies, DEED);

    deepEqual((await steps()).at(-1), BEFORE.steps);
    equal((await steps()).length, 3);
  }
});

Deno.test("a value that a person has put since is never taken back, another field is kept", async () => {
  const { policies, steps } = await opened();
  await putChange(policies, DEED, {});
  const person = { by: "ada", reason: "mine", atMs: 6 };
  const other = { charge: { timeoutMs: 4_000, concurrencyMax: 7 } };
  await policies.put("shop", "order", { ...person, steps: other });

  await takeBack(policies, DEED);
  const restored = (await steps()).at(-1);
  await policies.put("shop", "order", { ...person, steps: { charge: { timeoutMs: 9_000 } } });
  const refused = await takeBack(policies, { ...DEED, incident: "t2" });

  deepEqual(restored, { charge: { timeoutMs: 2_000, concurrencyMax: 7 } });
  equal(refused.kind, "conflict");
  deepEqual((await steps()).at(-1), { charge: { timeoutMs: 9_000 } });
});

Deno.test("nothing is put where a person has changed what the proposal was made for", async () => {
  const { policies, steps } = await opened();
  const expected = { ...CHANGE, changes: [{ path: ["steps", "charge", "timeoutMs"], value: 1 }] };

  const put = await putChange(policies, DEED, { expected });

  equal(put.kind, "conflict");
  equal((await steps()).length, 1);
});

Deno.test("more tasks try a change once, and all that try it get back what was there", async () => {
  const { policies, steps } = await opened();
  const tried = async () => triedPercentOf(await policies.versions("shop", "order"), "t1");
  equal(await tried(), undefined);
  await putChange(policies, DEED, { percent: 5 });
  equal(await tried(), 5);

  await widen(policies, DEED, 25);
  await widen(policies, DEED, 25);
  equal(await tried(), 25);
  const shares = (await policies.versions("shop", "order")).map(({ canary }) => canary);
  await takeBack(policies, DEED);

  deepEqual(shares.map((one) => one && [one.percent, one.salt, one.base.version]), [
    undefined,
    [5, "t1", 1],
    [25, "t1", 1],
  ]);
  deepEqual((await steps()).at(-1), BEFORE.steps);
  equal((await policies.versions("shop", "order")).at(-1)?.canary, undefined);
  equal(await tried(), undefined);
});

Deno.test("those that try a change get other values, which are kept for all or taken back to the first", async () => {
  const more = CHANGE.changes.map(({ path }) => ({ path, value: 8_000 }));
  for (const [end, kind] of [[keepChange, "raises"], [takeBack, "lowers"]] as const) {
    const { policies, steps } = await opened();
    await putChange(policies, DEED, { percent: 20 });

    await tryOther(policies, { ...DEED, kind }, more);
    const standing = await standingOf(policies, DEED);
    await widen(policies, DEED, 50);
    const wider = await standingOf(policies, DEED);
    await end(policies, DEED);

    const seen = [standing, wider].map((one) =>
      one.kind !== "conflict" &&
      [
        one.kind,
        one.percent,
        one.others,
        one.values,
        ...[one.tried, one.everTried].map((of) => of.map(({ version }) => version)),
      ]
    );
    deepEqual(seen, [[kind, 20, 1, more, [3], [2, 3]], ["widens", 50, 1, more, [3, 4], [2, 3, 4]]]);
    const kept = { charge: { timeoutMs: 8_000 }, "*": { heartbeatMs: 9 } };
    deepEqual((await steps()).at(-1), end === keepChange ? kept : BEFORE.steps);
  }
});

Deno.test("what is taken back ends what others try, and what they try is not kept", async () => {
  const { policies, steps } = await opened();
  await putChange(policies, DEED, {});
  const path = ["steps", "charge", "retry", "attemptsMax"];
  const other = { ...DEED, incident: "t2", change: { ...CHANGE, changes: [{ path, value: 5 }] } };
  await putChange(policies, other, { percent: 20 });

  const back = await takeBack(policies, { ...DEED, by: "ada" });
  const kept = await keepChange(policies, other);
  const standing = await standingOf(policies, other);

  equal(back.kind, "put");
  deepEqual((await steps()).at(-1), BEFORE.steps);
  deepEqual([kept.kind, standing.kind], ["conflict", "conflict"]);
  equal((await policies.versions("shop", "order")).length, 4);
});

Deno.test("nothing is put while a share of the tasks tries something else", async () => {
  const { policies, steps } = await opened();
  await putChange(policies, DEED, { percent: 20 });

  const other = await putChange(policies, { ...DEED, incident: "t2" }, {});

  equal(other.kind, "conflict");
  equal((await steps()).length, 2);
});

Deno.test("a kept change is in force until a person takes it back, or puts other values", async () => {
  const { policies } = await opened();
  await putChange(policies, DEED, { percent: 20 });
  await keepChange(policies, DEED);
  const fate = async () => {
    const found = fateOf(await policies.versions("shop", "order"), DEED);
    return found && [found.outcome, found.by.version, found.by.by];
  };

  const kept = await fate();
  const person = { by: "ada", reason: "mine", atMs: 6 };
  await policies.put("shop", "order", { ...person, steps: { charge: { timeoutMs: 9_000 } } });
  const overtaken = await fate();
  await policies.put("shop", "order", { ...person, steps: { charge: { timeoutMs: 4_000 } } });
  await takeBack(policies, { ...DEED, by: "ada" });
  const reverted = await fate();

  deepEqual([kept, overtaken, reverted], [
    undefined,
    ["overtaken", 4, "ada"],
    ["reverted", 6, "ada"],
  ]);
});
