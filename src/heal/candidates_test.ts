import { deepEqual, equal, match } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { firstIdAt } from "../core/ids.ts";
import { fillPolicy } from "../core/policy.ts";
import { attempts, BEFORE, CASE, CUT, MINUTE, NOW } from "./_case.ts";
import { factsOf } from "./_facts.ts";
import { candidatesOf } from "./candidates.ts";
import { type Case, systemsFor } from "./case.ts";

const LOST = { outcome: "failed", isRetried: false } as const;

/** Nearly everything fails. */
const DOWN = { ...CASE.degradation, now: { ...BEFORE, failedShare: 0.9 } };

/** A minute in which all was well. */
const USUAL = attempts(60, () => ({}));

function kinds(more: Partial<Case>): readonly string[] {
  return candidatesOf({ ...CASE, ...more }).map(({ action }) => action.kind);
}

Deno.test("where all attempts fail, a trickle of them goes on and the others wait", () => {
  const [first] = candidatesOf({ ...CASE, degradation: DOWN, recent: attempts(50, () => LOST) });
  equal(first?.tier, "T0");
  deepEqual(first?.action, {
    ...{ kind: "limit_system", system: "payments", capability: "*", ratePerS: 0.05 },
    untilMs: NOW + 5 * MINUTE,
  });
});

Deno.test("nobody is held back where some get through, nor before it has lasted most of a minute", () => {
  const isHeldBack = (recent: readonly AttemptFact[], degradation = DOWN) =>
    kinds({ recent, degradation }).includes("limit_system");
  equal(isHeldBack(attempts(50, (index) => index % 3 > 0 ? LOST : {})), false);
  equal(isHeldBack(attempts(30, () => LOST)), false);
  const few = (count: number) =>
    attempts(50, () => LOST).filter((_, index) => index % 6 === 0).slice(-count);
  const now = { ...DOWN.now, perMinute: 10 };
  const rare = { ...DOWN, now, before: { ...BEFORE, perMinute: 10 } };
  equal(isHeldBack(few(9), rare), true, "all of nine");
  equal(isHeldBack(few(7), rare), false, "of seven it may be chance");
  equal(isHeldBack(few(9)), false, "a circuit lets few through");
  equal(isHeldBack(attempts(50, (index) => index % 7 > 0 ? LOST : {})), true);
});

Deno.test("nobody is held back where as much is done as before, whatever fails beside it", () => {
  const recent = attempts(50, () => LOST);
  const now = { ...BEFORE, perMinute: 300, failedShare: 0.8 };
  equal(kinds({ recent, degradation: { ...DOWN, now } }).includes("limit_system"), false);
});

Deno.test("nobody is held back where tasks fail that come late: they would come later still", () => {
  const aged = (ageMs: number) => (fact: AttemptFact) => ({
    ...fact,
    taskId: firstIdAt(fact.startedAtMs - fact.waitedMs - ageMs),
  });
  const isHeldBack = (nowMs: number, more: Partial<AttemptFact> = {}) =>
    kinds({
      degradation: DOWN,
      before: USUAL.map(aged(4_000)),
      recent: attempts(50, () => ({ ...LOST, ...more })).map(aged(nowMs)),
    }).includes("limit_system");
  equal(isHeldBack(90_000), false);
  equal(isHeldBack(4_000), true, "they come as early as before");
  equal(
    isHeldBack(4_000, { waitedMs: 90_000 }),
    true,
    "they only waited for the step's own system",
  );
  equal(isHeldBack(20_000), true, "by less than a trickle would hold them back");
});

Deno.test("tasks that are tried again and again count once where it is asked whether nearly all fail", () => {
  const isHeld = (tries: number, lost: (task: number) => boolean) =>
    kinds({
      recent: factsOf(
        50,
        (task) => lost(task) ? Array.from({ length: tries }, () => ["thrown", 100]) : [["ok", 100]],
        (task) => ({ startMs: NOW - (50 - task) * 1_000 }),
      ),
      degradation: DOWN,
    }).includes("limit_system");

  equal(isHeld(8, (task) => task % 2 === 0), false);
  equal(isHeld(8, (task) => task % 10 > 0), true);
});

Deno.test("what failed as often before is no reason to hold anything back", () => {
  const degradation = { ...CASE.degradation, before: { ...BEFORE, failedShare: 0.3 } };
  const recent = attempts(40, (index) => index % 2 === 0 ? LOST : {});
  equal(kinds({ recent, degradation }).includes("limit_system"), false);
});

Deno.test("where more begins than a system does, one that offers the same is used where that is allowed", () => {
  const now = { ...BEFORE, perMinute: 50, waitedP95Ms: 40_000 };
  const degradation = { ...CASE.degradation, signal: "waiting" as const, saturated: true, now };
  const recent = attempts(60, () => ({}));
  const takes = {
    atOnce: 2,
    atOnceBefore: 1,
    callsPerMinuteBefore: 60,
    perMinute: 100,
    perMinuteBefore: 60,
  };
  const demand = [{ workflow: "shop/order", ...takes, priorities: [3], tier: "T1" as const }];
  const lined = { degradation, recent, demand, before: USUAL };
  const other = { ...lined, alternatives: ["atlas"], isIdempotent: true };
  equal(kinds(lined).includes("pause_starts"), false);
  deepEqual(kinds(other).slice(0, 1), ["switch_system"]);
});

function timeoutOf(more: Partial<Case>): number | undefined {
  const action = candidatesOf({ ...CASE, before: USUAL, ...more }).map((one) => one.action)
    .find(({ kind }) => kind === "set_timeout");
  return action?.kind === "set_timeout" ? action.timeoutMs : undefined;
}

Deno.test("where nearly everything is cut off, twice as long is waited for", () => {
  const recent = attempts(60, (index) => index % 8 === 0 ? { ranMs: 1_800 } : CUT);
  equal(timeoutOf({ recent }), 4_000);
});

Deno.test("where nobody is answered for a minute, some tasks try whether twice as long is enough", () => {
  const [proposed] = candidatesOf({ ...CASE, before: USUAL, recent: attempts(62, () => CUT) })
    .filter(({ action }) => action.kind === "set_timeout");
  const { action } = proposed ?? {};
  deepEqual([action?.kind === "set_timeout" && action.timeoutMs, proposed?.tier], [4_000, "T2"]);
  match(proposed?.because ?? "", /none of the last 62 attempts was answered .* or hang/);
  equal(timeoutOf({ recent: attempts(40, () => CUT) }), undefined, "it has just begun");
});

Deno.test("where the same tasks are cut off each time, twice as long is waited for", () => {
  const again = attempts(80, (index) => index % 4 > 1 ? {} : { ...CUT, attempt: 1 + index % 4 });
  equal(timeoutOf({ recent: again }), 4_000);
  const by = attempts(80, (index) => ({ ...index % 4 > 1 ? {} : CUT, attempt: 1 + index % 2 }));
  equal(timeoutOf({ recent: by }), 1_200, "others complete soon");
});

/** Tasks of which every fourth is cut off at each attempt, for a minute and a half; others take so long. */
function someCutAgain(othersMs: number): readonly AttemptFact[] {
  const tasks = factsOf(
    90,
    (task) => task % 4 === 0 ? [1, 2, 3].map(() => ["timed_out", 2_000]) : [["ok", othersMs]],
    (task) => ({ startMs: NOW - (90 - task) * 1_000 }),
  );
  return tasks.map((fact) => ({ ...fact, step: "charge" }));
}

Deno.test("tasks that are cut off each time, and hold up others, wait for a person instead", () => {
  const parked = (recent: readonly AttemptFact[]) =>
    candidatesOf({ ...CASE, before: USUAL, recent }).map(({ action }) => action)
      .find(({ kind }) => kind === "park_and_notify");
  const [alone, held] = [someCutAgain(100), someCutAgain(400)];

  deepEqual([timeoutOf({ recent: alone }), parked(alone)], [4_000, undefined]);
  equal(timeoutOf({ recent: held }), undefined);
  const action = parked(held);
  equal(action?.kind === "park_and_notify" && action.only?.class, "timed_out");
});

Deno.test("what has begun lately is not taken for something in the tasks that are tried again", () => {
  // All attempts of the last ten seconds are cut off, first ones and later ones.
  const recent = attempts(70, (index) => index < 60 ? {} : { ...CUT, attempt: 1 + index % 2 });
  const slower = attempts(70, (index) => index < 60 ? { ranMs: 400 } : { ...CUT, attempt: 2 });

  deepEqual([recent, slower].map((facts) => timeoutOf({ recent: facts })), [undefined, undefined]);
});

Deno.test("another system does the step by itself only where both may do it twice", () => {
  const of = { recent: attempts(40, () => LOST), alternatives: ["payments_b"] };
  const tiers = [true, false].map((isIdempotent) =>
    candidatesOf({ ...CASE, ...of, isIdempotent }).find(({ action }) =>
      action.kind === "switch_system"
    )?.tier
  );
  deepEqual(tiers, ["T1", "T2"]);
  const few = { ...of, recent: attempts(24, (index) => index < 14 ? {} : LOST) };
  equal(
    kinds({ ...few, isIdempotent: true })[0],
    "switch_system",
    "an open circuit lets few through",
  );
});

Deno.test("a system may do a step twice if each that offers it says so", () => {
  const of = { instances: ["a"], capabilities: ["charge"] };
  const systems = (idempotent: readonly string[]) => [
    { name: "payments", ...of, idempotent: ["charge"] },
    { name: "payments_b", ...of, idempotent },
  ];
  const step = { owner: "payments", capability: { name: "charge" } };
  const found = (idempotent: readonly string[], mayGet = true) =>
    systemsFor(step, {
      system: "payments",
      systems: systems(idempotent),
      mayGet: () => mayGet,
    });
  equal(found(["charge"]).isIdempotent, true);
  equal(found([]).isIdempotent, false);
  deepEqual(found([], false), { instances: ["a"], alternatives: [], isIdempotent: true });
});

Deno.test("a provider that refuses some gets a lower rate, one that refuses all gets a trickle", () => {
  const rateOf = (isRefused: (index: number) => boolean, demand: Case["demand"] = []) => {
    const error = { class: "failed", code: "http_429" } as const;
    const recent = attempts(60, (index) => isRefused(index) ? { ...LOST, error } : {});
    const degradation = recent.every(({ outcome }) => outcome === "failed")
      ? DOWN
      : CASE.degradation;
    const { action } = candidatesOf({ ...CASE, degradation, recent, demand })[0] ?? {};
    return action?.kind === "limit_system" ? action.ratePerS : undefined;
  };
  equal(rateOf(() => true), 0.05);
  equal(rateOf((index) => index % 4 === 0), 1.2);
  const demand = [{
    ...{ workflow: "shop/order", perMinute: 60, perMinuteBefore: 60, callsPerMinuteBefore: 180 },
    ...{ atOnce: 1, atOnceBefore: 1, priorities: [3], tier: "T1" as const },
  }];
  equal(rateOf((index) => index % 4 === 0, demand), 3.6, "two more steps call the same provider");
});

Deno.test("nothing is given up sooner that does not hang", () => {
  const late = (index: number) => index % 3 === 0 ? CUT : { ranMs: 100 + 30 * (index % 50) };
  equal(timeoutOf({ recent: attempts(90, late) }), undefined);
  const hung = attempts(90, (index) => index % 3 === 0 ? CUT : { attempt: 1 + index % 2 });
  const slower = { ...CASE.degradation, now: { ...BEFORE, p95Ms: 1_000 } };
  equal(timeoutOf({ recent: hung }), 1_200);
  equal(timeoutOf({ recent: hung, degradation: slower }), undefined, "others take longer, too");
});

Deno.test("what is slow by chance is given up sooner, what is slow for all is not", () => {
  const of = (isSlow: (index: number) => boolean, otherMs = 100) =>
    timeoutOf({
      policy: fillPolicy(false, { timeoutMs: 40_000 }),
      recent: attempts(90, (index) => ({ ranMs: isSlow(index) ? 24_000 : otherMs })),
      before: attempts(90, () => ({})),
    });
  equal(of((index) => index % 3 === 0), 20_000);
  equal(of((index) => index % 30 === 0), undefined, "single cases");
  equal(of((index) => index % 3 !== 0), undefined, "most are slow");
  equal(of((index) => index % 3 === 0, 300), undefined, "others take longer, too");
});

Deno.test("one instance that is slow is ejected as one that fails is, and all that are slow are not", () => {
  const ejected = (isSlow: (index: number) => boolean) => {
    const recent = attempts(120, (index) => ({
      instance: `w${index % 4}`,
      ranMs: isSlow(index) ? 5_000 : 100,
    }));
    return candidatesOf({ ...CASE, recent, before: USUAL }).flatMap(({ action }) =>
      action.kind === "eject_instance" ? action.instance : []
    );
  };
  deepEqual(ejected((index) => index % 4 === 2), ["w2"]);
  deepEqual(ejected(() => true), []);
});

Deno.test("an instance is ejected whose part of the answers is missing while attempts have none", () => {
  const instances = ["w0", "w1", "w2", "w3"];
  const of = (count: number, isLost: (index: number) => boolean) =>
    attempts(
      count,
      (index) =>
        isLost(index)
          ? { outcome: "timed_out", ranMs: 2_000, isRetried: false }
          : { instance: `w${index % 4}` },
    );
  const ejected = (isLost: (index: number) => boolean) =>
    candidatesOf({ ...CASE, instances, recent: of(120, isLost), before: of(240, () => false) })
      .flatMap(({ action }) => action.kind === "eject_instance" ? action.instance : []);

  deepEqual(ejected((index) => index % 4 === 2 && index % 20 !== 2), ["w2"]);
  deepEqual(ejected((index) => index % 5 === 2), [], "all of them lose some");
  deepEqual(ejected((index) => index % 24 === 2), [], "w2 gives most of its answers");
  const before = attempts(240, (index) => ({ instance: `w${index % 2}` }));
  const recent = of(120, (index) => index % 12 === 2);
  deepEqual(
    candidatesOf({ ...CASE, instances, recent, before }).map(({ action }) => action.kind)
      .filter((kind) => kind === "eject_instance"),
    [],
    "others do a part of what two did",
  );
});
