import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { TaskerError } from "../../src/core/errors.ts";
import type { WhatifChange } from "../../src/core/ports.ts";
import { whatif } from "../../src/heal/whatif.ts";
import { openPlayback } from "../../src/server/playback.ts";
import { around, plant, type Planted } from "./planted.ts";

function ask({ plan, tasks }: Planted, change: Partial<WhatifChange>) {
  const whole = { steps: {}, dropEdges: [], ...change };
  return whatif(openPlayback(), { plan, steps: {}, tasks, change: whole });
}

Deno.test("tasks that are played without a change end as they did, after the same time", async () => {
  const planted = await plant({
    name: "same",
    seed: 3,
    tasks: 200,
    steps: [
      { name: "a", behaves: around(1_000) },
      { name: "b", needs: ["a"], behaves: around(20_000), policy: { timeoutMs: 30_000 } },
      {
        name: "c",
        needs: ["a"],
        behaves: ({ random }) => random() < 0.3 ? { ms: 50, error: "flaky" } : { ms: 500 },
        policy: { retry: { attemptsMax: 2 } },
      },
    ],
  });

  const { replay, effects } = await ask(planted, {});

  equal(replay?.sameEnds, 1);
  // A retry fires with the next tick of the timers, which count from the first task.
  ok(Math.abs(replay.meanDuration) < 0.001 && Math.abs(replay.p95Duration) < 0.001);
  equal(effects?.attempts.difference, 0);
  equal(effects?.meanMs.difference, 0);
});

Deno.test("a longer time-out lets those complete that were cut off, and says that their ends are assumed", async () => {
  const planted = await plant({
    name: "cut",
    seed: 4,
    tasks: 200,
    steps: [{
      name: "slow",
      behaves: around(28_000, 0.3),
      policy: { timeoutMs: 30_000, retry: { attemptsMax: 1 } },
    }],
  });

  const { effects, drawn } = await ask(planted, { steps: { slow: { timeoutMs: 60_000 } } });

  ok(effects !== undefined && effects.completed.low > 0.2, JSON.stringify(effects?.completed));
  ok((drawn?.assumed ?? 0) > 0.2);
});

Deno.test("attempts that hung are not completed by a longer time-out", async () => {
  const planted = await plant({
    name: "hung",
    seed: 5,
    tasks: 200,
    steps: [{
      name: "peer",
      behaves: ({ random }) => random() < 0.2 ? { ms: Infinity } : { ms: 200 + 100 * random() },
      policy: { timeoutMs: 30_000, retry: { attemptsMax: 1 } },
    }],
  });

  const { effects } = await ask(planted, { steps: { peer: { timeoutMs: 60_000 } } });

  equal(effects?.completed.difference, 0);
  ok(effects.busyMs.low > 0, "hung attempts take longer");
});

Deno.test("fewer attempts park the tasks that needed more", async () => {
  const planted = await plant({
    name: "flaky",
    seed: 6,
    tasks: 300,
    steps: [{
      name: "call",
      behaves: ({ random }) => random() < 0.2 ? { ms: 50, error: "flaky" } : { ms: 500 },
    }],
  });

  const { effects } = await ask(planted, { steps: { call: { retry: { attemptsMax: 1 } } } });

  ok(effects !== undefined && effects.parked.low > 0.1 && effects.parked.high < 0.3);
  ok(effects.attempts.high < 0);
});

Deno.test("without an edge the steps run at once", async () => {
  const planted = await plant({
    name: "edge",
    seed: 7,
    tasks: 100,
    steps: [
      { name: "a", behaves: () => ({ ms: 1_000 }) },
      { name: "b", after: ["a"], behaves: () => ({ ms: 1_500 }) },
    ],
  });

  const { effects } = await ask(planted, { dropEdges: [{ from: "a", to: "b" }] });

  deepEqual([effects?.p50Ms.before, effects?.p50Ms.after], [2_500, 1_500]);
});

Deno.test("an edge that is not there cannot be dropped", async () => {
  const planted = await plant({
    name: "none",
    seed: 8,
    tasks: 30,
    steps: [{ name: "a", behaves: () => ({ ms: 1 }) }, { name: "b", behaves: () => ({ ms: 1 }) }],
  });

  await rejects(
    ask(planted, { dropEdges: [{ from: "a", to: "b" }] }),
    (error) => error instanceof TaskerError && error.code === "api.bad_request",
  );
});

Deno.test("fewer attempts at once make tasks wait for each other", async () => {
  const planted = await plant({
    name: "crowd",
    seed: 9,
    tasks: 100,
    apartMs: 500,
    steps: [{ name: "call", behaves: () => ({ ms: 1_000 }) }],
  });

  const { effects } = await ask(planted, { steps: { call: { concurrencyMax: 1 } } });

  ok(effects !== undefined && effects.meanMs.low > 10_000, JSON.stringify(effects?.meanMs));
});

Deno.test("nothing is said of tasks that cannot be played as they were", async () => {
  const { plan, tasks } = await plant({
    name: "other",
    seed: 10,
    tasks: 60,
    steps: [{ name: "call", behaves: () => ({ ms: 1_000 }) }],
  });

  const steps = { call: { timeoutMs: 500 } }; // not what they ran under
  const change = { steps: {}, dropEdges: [] };
  const { refusal, effects } = await whatif(openPlayback(), { plan, steps, tasks, change });

  equal(effects, undefined);
  ok(refusal?.includes("100.0 % of the tasks end otherwise"), refusal);
});

const TWO_STEPS = {
  steps: [
    { name: "a", behaves: around(1_000) },
    { name: "b", needs: ["a"], behaves: around(1_000) },
  ],
};

Deno.test("what a limit held back is not played: the step that waited is named", async () => {
  const { tasks, ...planted } = await plant({ ...TWO_STEPS, name: "held", seed: 8, tasks: 60 });
  const waitedMs = 5_000;
  const held = tasks.map(({ turns, ...task }) => {
    let isHeld = false;
    return {
      ...task,
      turns: turns.map((turn) => ({
        ...turn,
        events: turn.events.map((event) => {
          isHeld ||= event.kind === "StepStarted" && event.step === 1;
          const later = { ...event, atMs: event.atMs + (isHeld ? waitedMs : 0) };
          return later.kind === "StepStarted" && isHeld ? { ...later, waitedMs } : later;
        }),
      })),
    };
  });

  const { refusal } = await ask({ ...planted, tasks: held }, {});

  ok(refusal?.includes('"b" waited 5000 ms a task to be started'), refusal);
});

Deno.test("the event loop goes on after every 50 tasks that are read or compared", async () => {
  const { plan, tasks } = await plant({ ...TWO_STEPS, name: "rests", seed: 9, tasks: 200 });
  const playback = openPlayback();
  let rests = 0;
  const rest = () => {
    rests++;
    return playback.rest();
  };

  const change = { steps: {}, dropEdges: [] };
  await whatif({ ...playback, rest }, { plan, steps: {}, tasks, change });

  ok(rests >= 4 * 200 / 50, `${rests} rests`);
});
