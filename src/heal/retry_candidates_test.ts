import { deepEqual, equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import type { Incident } from "../core/incident.ts";
import { fillPolicy } from "../core/policy.ts";
import { attempts, CASE, CUT, MINUTE, NOW } from "./_case.ts";
import { factsOf } from "./_facts.ts";
import type { Case } from "./case.ts";
import { hopeless, laterRetries, retries } from "./retry_candidates.ts";

Deno.test("failures by contract that are tried again count as chance, others do not", () => {
  const failed = { outcome: "failed", error: { class: "failed", code: "account_rate" } } as const;
  const some = (isRetried: boolean) =>
    attempts(120, (index) => index % 3 === 0 ? { ...failed, isRetried } : {});
  equal(retries({ ...CASE, recent: some(true) }).length, 1);
  equal(retries({ ...CASE, recent: some(false) }).length, 0);
});

Deno.test("failures by chance get more attempts, within the bounds; what is cut off does not", () => {
  const half = (of: Partial<AttemptFact>) => attempts(60, (index) => index % 2 === 0 ? of : {});
  const thrown = half({ outcome: "thrown", isRetried: true });
  const raised = (more: Partial<Case>) =>
    retries({ ...CASE, recent: thrown, ...more }).map(({ action }) => action)
      .flatMap((action) => action.kind === "set_retry" ? action.attemptsMax ?? [] : [])[0];
  equal(raised({}), 6);
  equal(raised({ bounds: { attemptsMax: [1, 5] } }), 5);
  equal(raised({ recent: half(CUT) }), undefined);
  const blip = attempts(
    60,
    (index) =>
      index > 26 && index < 40 && index % 3 > 0 ? { outcome: "thrown", isRetried: true } : {},
  );
  equal(raised({ recent: blip }), undefined, "it is over");
  const inTurns = (isBad: (index: number) => boolean) =>
    attempts(150, (index) => isBad(index) ? { outcome: "thrown", isRetried: true } : {});
  const isLate = (index: number) => index > 112 && index < 130;
  equal(raised({ recent: inTurns(isLate) }), undefined, "once");
  equal(raised({ recent: inTurns((index) => index < 30 || isLate(index)) }), 6, "it comes back");
});

/** Every fourth task fails four times with a code, or as the function says; the others complete. */
function tried(outcomeOf: (task: number, attempt: number) => boolean): AttemptFact[] {
  const error = { class: "failed", code: "bad_address" } as const;
  return factsOf(
    80,
    (task) =>
      task % 4 === 0
        ? [1, 2, 3, 4].map((attempt) => [outcomeOf(task, attempt) ? "ok" : "thrown", 500])
        : [["ok", 100]],
    (task) => ({ startMs: NOW - (80 - task) * 1_000 }),
  ).map((fact) => ({
    ...fact,
    step: "charge",
    ...(fact.outcome !== "completed" && { error }),
  }));
}

Deno.test("what no retry gets past is not tried again, while other tasks complete", () => {
  const found = (recent: readonly AttemptFact[]) => hopeless({ ...CASE, recent })[0];
  const { action, tier } = found(tried(() => false)) ?? {};

  equal(tier, "T0");
  deepEqual(action?.kind === "park_and_notify" && action.only, {
    class: "failed",
    code: "bad_address",
  });
  equal(found(tried((_, attempt) => attempt > 1)), undefined, "some complete when tried again");
  const down = tried(() => false).filter(({ outcome }) => outcome !== "completed");
  equal(found(down), undefined, "nobody else completes either");
});

Deno.test("where a part is down and retries come too soon, they come later; others' failures keep their delay", () => {
  const retry = (isDown: (task: number, attempt: number) => boolean) => {
    const recent = factsOf(
      80,
      (task) =>
        task % 3 === 0
          ? [1, 2, 3].map((attempt) => [isDown(task, attempt) ? "no_leader" : "ok", 10])
          : [["ok", 10]],
      (task) => ({ startMs: NOW - (80 - task) * 1_000 }),
    ).map((fact) => ({ ...fact, step: "charge" }));
    const [found] = laterRetries({ ...CASE, recent });
    return [found?.tier, found?.action.kind === "set_retry" && found.action.attemptsMax];
  };

  deepEqual(retry(() => true), ["T1", 6]);
  deepEqual(retry((_, attempt) => attempt < 2), [undefined, false], "the second completes");
});

Deno.test("where those that a trickle let wait have completed, and all fail again, retries come later", () => {
  const action = { kind: "limit_system", system: "payments", capability: "*", ratePerS: 0.05 };
  const ended = (minutes: number, outcome: "released" | "reverted") => ({
    degradation: CASE.degradation,
    propose: { proposals: [{ id: "p1", action: { ...action, untilMs: NOW } }], chosen: "p1" },
    release: { outcome, says: "", atMs: NOW - minutes * MINUTE },
  });
  const later = (past: ReturnType<typeof ended>) => {
    const recent = attempts(60, () => ({ outcome: "thrown", isRetried: true }));
    return laterRetries({ ...CASE, recent, past: [past as unknown as Incident] })
      .map(({ action }) => action.kind === "set_retry" && [action.attemptsMax, action.delayMsMin]);
  };

  deepEqual(later(ended(4, "released")), [[3, 8_000]]);
  deepEqual(later(ended(8, "released")), [], "that was another time");
  deepEqual(later(ended(4, "reverted")), [], "it helped nobody");
});

/** An incident of the step that tried more attempts. */
function triedMore(outcome: "kept" | "reverted", minutes = 4): Incident {
  const action = { kind: "set_retry", workflow: "shop/order", step: "charge", attemptsMax: 6 };
  const conclude = { outcome, says: "", atMs: NOW - minutes * MINUTE };
  const propose = { proposals: [{ id: "p1", action }], chosen: "p1" };
  return { degradation: CASE.degradation, propose, conclude } as unknown as Incident;
}

Deno.test("what fails in the same tasks gets no more attempts, and waits for a person once more were in vain", () => {
  const tries = Array.from({ length: 3 }, () => ["type_error", 100] as const);
  const error = { class: "thrown", code: "type_error" } as const;
  const recent = factsOf(
    80,
    (task) => task % 3 === 0 ? tries : [["ok", 100]],
    (task) => ({ startMs: NOW - (80 - task) * 1_000 }),
  ).map((fact): AttemptFact => ({
    ...{ ...fact, step: "charge" },
    ...(fact.outcome !== "completed" && { outcome: "thrown", error }),
  }));
  const kinds = (...past: readonly Incident[]) =>
    [hopeless, laterRetries, retries].map((look) => look({ ...CASE, recent, past }).length);

  deepEqual(kinds(), [0, 1, 0], "they may come too soon");
  deepEqual(kinds(triedMore("reverted")), [1, 0, 0], "with them the circuit opens for all");
  deepEqual(kinds(triedMore("reverted", 90)), [0, 1, 0], "that was another time");
  deepEqual(kinds(triedMore("reverted"), triedMore("kept")), [0, 1, 0], "more have helped");
});

Deno.test("where outages come and go, retries last longer than the longest that is over", () => {
  const policy = fillPolicy(false, { retry: { attemptsMax: 3, delayMsMax: 2_000 } });
  const tries = (isOk: (second: number) => boolean) => {
    const recent = factsOf(
      180,
      (task) => isOk(task) ? [["ok", 10]] : [["away", 10], [isOk(task + 1) ? "ok" : "away", 10]],
      (task) => ({ startMs: NOW - (180 - task) * 1_000 }),
    );
    return retries({ ...CASE, policy, recent }).map(({ action }) =>
      action.kind === "set_retry" && [action.attemptsMax, action.delayMsMin, action.delayMsMax]
    );
  };

  // Five delays of 33.5 times the least in all, on average, are twice as long as a minute.
  deepEqual(tries((second) => (second + 68) % 80 >= 58), [[6, 3_582, 60_000]]);
  deepEqual(tries((second) => second % 2 === 0), [[6, 500, undefined]], "the next one completes");
});

Deno.test("where a step has one attempt, what throws by chance gets two; a contract's failure does not", () => {
  const policy = fillPolicy(false, { timeoutMs: 2_000, retry: { attemptsMax: 1 } });
  const raised = (outcome: "thrown" | "failed") => {
    const lost = { outcome, isRetried: false } as const;
    const recent = attempts(60, (index) => index % 2 === 0 ? lost : {});
    return retries({ ...CASE, policy, recent }).map(({ action }) =>
      action.kind === "set_retry" && action.attemptsMax
    );
  };

  deepEqual([raised("thrown"), raised("failed")], [[2], []]);
});

Deno.test("tasks whose attempts all hang by chance get more, where one more mostly gets through", () => {
  const [hang, ok] = [["timed_out", 2_000], ["ok", 100]] as const;
  const raised = (third: readonly [string, number]) => {
    const recent = factsOf(
      120,
      (task) => task % 4 > 0 ? [ok] : task % 12 > 0 ? [hang, ok] : [hang, hang, third],
      (task) => ({ startMs: NOW - (120 - task) * 1_000 }),
    );
    return retries({ ...CASE, recent }).map(({ action }) =>
      action.kind === "set_retry" && action.attemptsMax
    );
  };

  deepEqual([raised(hang), raised(ok)], [[6], []], "the third attempt is the last one");
});

/** Every 20th task fails at each of its attempts, each at another instance, where the next one then fails. */
function killing(ofNext: Partial<AttemptFact>): readonly AttemptFact[] {
  const refused = {
    outcome: "thrown",
    error: { class: "thrown", code: "connection_refused" },
    ...ofNext,
  } as const;
  const killed = { outcome: "thrown", error: { class: "thrown", code: "worker_exited" } } as const;
  return factsOf(
    160,
    (task) => task % 20 === 0 ? [1, 2, 3].map(() => ["worker_exited", 100]) : [["ok", 100]],
    (task) => ({ startMs: NOW - (160 - task) * 1_000 }),
  ).map((fact, index): AttemptFact => ({
    ...fact,
    step: "charge",
    instance: `converter-${index % 9}`,
    ...(fact.outcome === "completed" ? {} : killed),
  })).flatMap((fact, index) => {
    if (fact.outcome === "completed") return [fact];
    const next = attempts(1, () => ({
      ...refused,
      taskId: `next${index}` as AttemptFact["taskId"],
      ...(fact.instance !== undefined && { instance: fact.instance }),
      startedAtMs: fact.endedAtMs + 1_500,
      endedAtMs: fact.endedAtMs + 1_510,
    }));
    return [fact, ...next];
  });
}

Deno.test("a task that takes down each instance that it comes to is not tried again", () => {
  const codes = (recent: readonly AttemptFact[]) =>
    hopeless({ ...CASE, recent }).map(({ action }) =>
      action.kind === "park_and_notify" && action.only?.code
    );

  deepEqual(codes(killing({})), ["worker_exited"]);
  deepEqual(codes(killing({ outcome: "completed" })), [], "the instances go on");
});

Deno.test("what is tried again for nothing is not where it uses up what a provider allows", () => {
  const refused = { class: "failed", code: "rate_limited" } as const;
  const tried = (of: Partial<AttemptFact>) =>
    factsOf(
      80,
      (task) => task % 4 === 0 ? [1, 2, 3, 4].map(() => ["unknown_code", 100]) : [["ok", 100]],
      (task) => ({ startMs: NOW - (80 - task) * 1_000 }),
    ).map((fact, index) => ({ ...fact, step: "charge", ...(index % 6 === 0 && of) }));
  const isParked = (recent: readonly AttemptFact[]) => hopeless({ ...CASE, recent }).length > 0;

  equal(isParked(tried({ outcome: "failed", error: refused })), true);
  equal(
    isParked(tried({})),
    false,
    "it fails as quickly as others complete, and nobody is refused",
  );
});
