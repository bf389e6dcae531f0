import assert from "node:assert/strict";
import type { Draw } from "./draw.ts";
import type { Scenario, ScenarioStep, ScenarioSystem } from "./scenario.ts";
import { scoreOf } from "./score.ts";
import { openWorld } from "./world.ts";

/** A scenario of one step at one system. */
function oneStep(
  system: ScenarioSystem,
  more: Partial<Scenario> & { readonly step?: Partial<ScenarioStep>; readonly perMinute?: number } =
    {},
): Scenario {
  return {
    about: "a test",
    minutes: 5,
    workflows: {
      "test/one": {
        perMinute: more.perMinute ?? 60,
        steps: { call: { system: "backend", ...more.step } },
      },
    },
    systems: { backend: system },
    wanted: { slo: { success: 0.95, withinMs: 10_000 } },
    ...more,
  };
}

async function play(scenario: Scenario, seed = 1) {
  await using world = await openWorld(scenario, { seed });
  await world.run();
  return { records: world.records, score: scoreOf(scenario, world.records) };
}

const lognormal = ({ draw }: { readonly draw: Draw }) => ({ ms: draw.lognormal(100, 400) });

Deno.test("tasks arrive at the rate of the scenario and complete as its system says", async () => {
  const { records, score } = await play(oneStep({ react: lognormal }, { minutes: 20 }));

  assert.ok(Math.abs(records.length - 1_200) < 120, `${records.length} tasks`);
  assert.equal(score.goodput, 1);
  assert.equal(score.breachMinutes, 0);
  assert.equal(score.attempts, 1);
});

Deno.test("runs of one seed have the same tasks and latencies, of another seed others", async () => {
  const run = async (seed: number) => {
    const { records } = await play(oneStep({ react: lognormal }), seed);
    return records.map(({ task, tookMs }) => [task.minute, tookMs]);
  };

  assert.deepEqual(await run(1), await run(1));
  assert.notDeepEqual(await run(1), await run(2));
});

Deno.test("a reaction that is the same in both runs of a seed does not depend on the other tasks", async () => {
  const seen = async (isOneSlow: boolean) => {
    const drawn = new Map<number, number>();
    await play(oneStep({
      capacity: { workers: 1 },
      react: ({ draw, task, minute }) => {
        drawn.set(task.number, draw.uniform());
        return { ms: isOneSlow && minute < 1 ? 900 : 50 };
      },
    }));
    return drawn;
  };

  const [one, other] = [await seen(true), await seen(false)];

  for (const [number, value] of one) assert.equal(other.get(number), value);
});

Deno.test("a queue works off what nobody waits for any more, unless it drops that", async () => {
  const begun = async (dropsAbandoned: boolean) => {
    let begun = 0;
    const system: ScenarioSystem = {
      capacity: { workers: 1, dropsAbandoned },
      react: () => (begun++, { ms: 2_000 }),
    };
    const policy = { timeoutMs: 3_000, retry: { attemptsMax: 1 }, onExhausted: "fail" } as const;
    await play(oneStep(system, { step: { policy }, minutes: 2 }));
    return begun;
  };

  const [keeps, drops] = [await begun(false), await begun(true)];

  assert.ok(keeps > drops, `${keeps} begun, ${drops} where they are dropped`);
});

Deno.test("a provider refuses what is above its rate, and says when to come again", async () => {
  const codes = new Map<string, number>();
  const scenario = oneStep({ rateLimit: { perS: 0.5, retryAfterMs: 1_000 }, react: lognormal });
  await using world = await openWorld(scenario, { seed: 1 });
  world.engine.supervisor.subscribe(({ turn }) => {
    for (const event of turn.events) {
      if (event.kind !== "StepAttemptFailed") continue;
      const { error_code } = JSON.parse(event.failure.error);
      codes.set(error_code, (codes.get(error_code) ?? 0) + 1);
      assert.ok(event.nextAttemptAtMs - event.atMs >= 1_000);
    }
  });

  await world.run();

  assert.deepEqual([...codes.keys()], ["rate_limited"]);
});

Deno.test("workers share attempts in turn, and one that leaves gets no more", async () => {
  const counts: Record<string, number> = {};
  await play(oneStep({
    instances: { a: {}, b: { untilMinute: 3 } },
    react: ({ instance, minute }) => {
      const key = `${instance}${minute < 3 ? "" : " after"}`;
      counts[key] = (counts[key] ?? 0) + 1;
      return { ms: 10 };
    },
  }));

  assert.deepEqual(Object.keys(counts).sort(), ["a", "a after", "b"]);
  assert.ok(Math.abs((counts.a ?? 0) - (counts.b ?? 0)) <= 1);
});

Deno.test("a minute is breached when too few of the tasks that arrived in it completed in time", async () => {
  const isDown = (minute: number) => minute >= 1 && minute < 3;
  const failure = { code: "no_such_account", message: "no such account" };
  const { score } = await play(oneStep({
    react: ({ task }) => isDown(task.minute) ? { ms: 10, failure } : { ms: 10 },
  }));

  assert.deepEqual(score.minutes.map(({ isBreached }) => isBreached), [
    false,
    true,
    true,
    false,
    false,
  ]);
  assert.equal(score.touches, (score.minutes[1]?.arrived ?? 0) + (score.minutes[2]?.arrived ?? 0));
});

Deno.test("a scenario whose tasks have a priority that the API refuses does not run", async () => {
  const scenario = oneStep({ react: lognormal });
  const workflows = {
    "test/one": { ...scenario.workflows["test/one"], task: () => ({ priority: 8 }) },
  };
  await assert.rejects(play({ ...scenario, workflows } as Scenario), /1 is high, 5 is low/);
});
