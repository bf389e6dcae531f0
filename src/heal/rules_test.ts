import { deepEqual, equal, match } from "node:assert/strict";
import type { Incident } from "../core/incident.ts";
import { HEALER_DEFAULTS, type HealerSettings, type Proposal } from "../core/healing.ts";
import { fillPolicy } from "../core/policy.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import type { StepDefinition } from "../core/workflow.ts";
import type { Candidate } from "./candidate.ts";
import type { Case } from "./case.ts";
import { factsOf } from "./_facts.ts";
import { weigh, whyNotAsked } from "./rules.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 0.3 },
  ...{ timedOutShare: 0.3, retriedShare: 0 },
};
const DEGRADATION = {
  ...{ workflow: "shop/order", step: "charge", signal: "timeouts" as const, saturated: false },
  ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
};
const CASE: Case = {
  degradation: DEGRADATION,
  finding: { failureType: "timeout", confidence: 0.5, says: "slow", evidence: [] },
  definition: definitionOf([{ name: "charge" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 2_000 }),
  bounds: { tier: "T1", timeoutMs: [500, 3_500] },
  system: "payments",
  ...{
    instances: [],
    alternatives: [],
    isIdempotent: false,
    recent: factsOf(40, () => [["timed_out", 2_000]], (task) => ({ startMs: task * 3_000 })),
    before: factsOf(40, () => [["ok", 400]], (task) => ({ startMs: task * 1_000 })),
    seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
    demand: [],
    past: [],
    nowMs: NOW,
  },
};

function timeout(timeoutMs: number): Candidate {
  return {
    action: { kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs },
    ...{ tier: "T1", confidence: 0.7, because: "slow", expected: "more complete" },
  };
}

function chosen(
  candidate: Candidate,
  more: Partial<Case> = {},
  settings: HealerSettings = HEALER_DEFAULTS,
) {
  return weigh([candidate], { ...CASE, ...more }, { settings, overlays: () => ({}) });
}

/** An incident that changed the step some minutes ago. */
function past(ago: number, outcome: "kept" | "reverted"): Incident {
  const atMs = NOW - ago * MINUTE;
  return {
    ...{ id: `t${ago}`, about: "a", number: 1, degradation: DEGRADATION, startedAtMs: atMs },
    ...{ endedAtMs: atMs, phase: "ended" as const },
    apply: { isApplied: true, says: "", atMs },
    conclude: { outcome, says: "", atMs },
  };
}

Deno.test("a time-out within the bounds needs no person, one outside of them does", () => {
  deepEqual([3_000, 3_800].map((ms) => chosen(timeout(ms)).chosen?.tier), ["T1", "T2"]);
  equal(chosen(timeout(3_000), { bounds: { tier: "T1" } }).chosen?.tier, "T2");
  equal(chosen(timeout(3_000), { bounds: {} }).chosen?.tier, "T2");
});

Deno.test("no value is changed by more than twice, whoever approves it", () => {
  equal(chosen(timeout(4_100)).chosen, undefined);
  equal(chosen(timeout(900)).chosen, undefined);
});

Deno.test("while more comes in than is done, nothing that adds load is done", () => {
  const degradation = { ...DEGRADATION, saturated: true };

  equal(chosen(timeout(3_000), { degradation }).chosen, undefined);
  equal(chosen(timeout(1_500), { degradation }).chosen?.load, "reduces");
});

Deno.test("what may repeat an effect is never done to a step that may happen once", () => {
  const definition = { ...CASE.definition, atMostOnce: true };

  const { chosen: one, notes } = chosen({ ...timeout(1_500), repeats: true }, { definition });

  equal(one, undefined);
  match(notes.join(), /at most once/);
});

Deno.test("after a change that was seen to help a part of the tasks, a step rests for one window", () => {
  const judge = { verdict: "better" as const, says: "" };
  const seen = (ago: number, percent?: number) => ({
    ...past(ago, "kept"),
    judge,
    apply: { isApplied: true, says: "", atMs: NOW - ago * MINUTE, ...percent && { percent } },
  });

  equal(chosen(timeout(3_000), { past: [seen(2, 5)] }).chosen?.tier, "T1");
  equal(chosen(timeout(3_000), { past: [seen(0.5, 5)] }).chosen, undefined);
  equal(chosen(timeout(3_000), { past: [seen(2)] }).chosen, undefined);
});

Deno.test("a step rests for three windows, and after two reversals in a day a person decides about it", () => {
  equal(chosen(timeout(3_000), { past: [past(2, "kept")] }).chosen, undefined);
  equal(chosen(timeout(3_000), { past: [past(4, "kept")] }).chosen?.tier, "T1");
  const reverted = [past(300, "reverted"), past(600, "reverted")];
  const { chosen: frozen, notes } = chosen(timeout(3_000), { past: reverted });
  const approval = { approved: true, by: "ada", reason: "" };
  const lifted = [{ ...past(200, "kept"), approval }, ...reverted];
  const noAnswer = reverted.map((one) => ({
    ...one,
    judge: { verdict: "unclear" as const, says: "" },
  }));

  equal(frozen?.tier, "T2");
  match(notes.join(), /2 changes of the step were taken back within a day/);
  equal(chosen(timeout(3_000), { past: lifted }).chosen?.tier, "T1");
  equal(chosen(timeout(3_000), { past: noAnswer }).chosen?.tier, "T1");
});

Deno.test("changes of an hour, silence and the switch hold everything back, and say so", () => {
  const silences = [{ fromMs: NOW - 1, untilMs: NOW + 1 }];
  const elsewhere = [{ fromMs: NOW - 1, untilMs: NOW + 1, workflow: "shop/other" }];
  const refused: readonly Partial<HealerSettings>[] = [
    { mode: "off" },
    { mode: "observe" },
    { actionsPerHour: 1 },
    { silences },
  ];

  for (const settings of refused) {
    const weighed = chosen(timeout(3_000), { past: [past(30, "kept")] }, {
      ...HEALER_DEFAULTS,
      ...settings,
    });
    equal(weighed.chosen, undefined);
    equal(weighed.proposals.length, 1);
    equal(weighed.notes.length, 1);
  }
  const { chosen: one } = chosen(timeout(3_000), {}, { ...HEALER_DEFAULTS, silences: elsewhere });
  equal(one?.tier, "T1");
});

Deno.test("changes that are about to be made count among those of the hour", () => {
  const settings = { ...HEALER_DEFAULTS, actionsPerHour: 2 };
  const degradation = { ...DEGRADATION, step: "pack" };
  const { proposals, notes } = chosen(timeout(3_000));
  const { apply: _apply, conclude: _conclude, ...begun } = past(1, "kept");
  const propose = JSON.parse(JSON.stringify({ proposals, chosen: "p1", notes }));
  const open = { ...begun, degradation, propose, endedAtMs: undefined };
  const by = (incidents: readonly Incident[]) =>
    chosen(timeout(3_000), { past: incidents }, settings).chosen?.tier;
  const made = { ...past(10, "kept"), degradation };

  deepEqual([by([made]), by([made, open]), by([made, { ...open, endedAtMs: NOW }])], [
    "T1",
    undefined,
    "T1",
  ]);
});

Deno.test("a time-out is not raised where attempts may take longer because there are more", () => {
  const crowded = factsOf(40, () => [["timed_out", 2_000]], (task) => ({ startMs: task * 200 }));

  equal(chosen(timeout(3_000)).chosen?.action.kind, "set_timeout");
  equal(chosen(timeout(3_000), { recent: crowded }).chosen, undefined);
  equal(chosen(timeout(3_000), { recent: [] }).chosen, undefined);
});

Deno.test("a time-out is raised for some tasks that are cut off each time while others take as long as ever", () => {
  const raised = (othersMs: number, everyMs: number) => {
    const recent = factsOf(
      80,
      (task) => task % 4 === 0 ? [1, 2, 3].map(() => ["timed_out", 2_000]) : [["ok", othersMs]],
      (task) => ({ startMs: task * everyMs }),
    );
    return chosen(timeout(3_000), { recent }).chosen !== undefined;
  };

  equal(raised(400, 2_000), true);
  equal(raised(700, 2_000), false, "they hold up others");
  equal(raised(400, 500), false, "it was so for less than a minute");
});

Deno.test("while attempts wait in a line, a time-out is raised where nothing gets through, or where that has helped", () => {
  const recent = factsOf(
    40,
    (task) => [[task % 2 === 0 ? "timed_out" : "ok", 1_900]],
    (task) => ({ startMs: task * 3_000 }),
  );
  const now = { ...FIGURES, waitedP95Ms: MINUTE };
  const raised = (more: Partial<Case>) => {
    const degradation = { ...DEGRADATION, now };
    return chosen(timeout(3_000), { degradation, recent, ...more }).chosen !== undefined;
  };
  const proposed = chosen(timeout(3_000), { recent });
  const helped: Incident = {
    ...past(10, "kept"),
    judge: { verdict: "better", says: "" },
    propose: JSON.parse(JSON.stringify({ ...proposed, chosen: proposed.chosen?.id })),
  };

  equal(raised({ degradation: DEGRADATION }), true, "there is no line");
  equal(raised({}), false);
  equal(raised({ past: [helped] }), true, "it has helped");
  equal(raised({ recent: CASE.recent }), true, "nothing gets through");
});

Deno.test("starts that are held back for others are not let in faster for their own sake", () => {
  const pause: Candidate = {
    action: { kind: "pause_starts", workflow: "shop/order", ratePerS: 0.5, untilMs: NOW + MINUTE },
    ...{ tier: "T0", confidence: 0.9, because: "it waits", expected: "it is done" },
  };
  const chosenBeside = (ratePerS: number, untilMs = NOW + MINUTE) =>
    weigh([pause], CASE, {
      settings: HEALER_DEFAULTS,
      overlays: () => ({ starts: { ratePerS, untilMs } }),
    }).chosen?.id;

  equal(chosenBeside(0.1), undefined);
  equal(chosenBeside(0.8), "p1");
  equal(chosenBeside(0.1, NOW), "p1", "it has ended");
});

Deno.test("people are asked once for a trouble, and again when it fails in another way or was over", () => {
  const report = { ...timeout(3_000), action: { kind: "suggest_change", workflow: "shop/order" } };
  const asked = {
    ...past(10, "kept"),
    propose: {
      proposals: [{ ...chosen(timeout(3_000)).proposals[0], id: "p1", tier: "T3" } as never],
      ...{ chosen: "p1", notes: [] },
    },
  } satisfies Incident;
  const look = { look: 6, chosen: { ...report, id: "p1" } as unknown as Proposal };
  const why = (more: Partial<Case["degradation"]>, of = [asked]) =>
    whyNotAsked({ degradation: { ...DEGRADATION, ...more }, past: of }, look) !== undefined;
  const since = { usualUntilMs: NOW - 20 * MINUTE };

  equal(why(since), true);
  equal(why(since, []), false);
  equal(why({ ...since, step: "ship" }), false);
  equal(why({ ...since, signal: "failures", error: "gone" }), false);
  equal(why({ usualUntilMs: NOW - 5 * MINUTE }), false);
});
