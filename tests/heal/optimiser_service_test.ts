import { equal, ok, rejects } from "node:assert/strict";
import { TaskerError } from "../../src/core/errors.ts";
import type { WholeTask } from "../../src/core/ports.ts";
import { openOptimiser } from "../../src/heal/optimiser.ts";
import { MemoryPolicies } from "../../src/journal/memory_stores.ts";
import { openPlayback } from "../../src/server/playback.ts";
import { plant, type Planting } from "./planted.ts";

const CHECKOUT: Planting = {
  name: "checkout",
  seed: 21,
  tasks: 60,
  steps: [
    { name: "order", behaves: () => ({ ms: 1_000 }) },
    { name: "check", needs: ["order"], behaves: () => ({ ms: 1_000 }) },
  ],
};

const FROM = { workflow: "planted/checkout", sinceMs: 0, untilMs: Infinity, limit: 1_000 };
const DROP = { steps: {}, dropEdges: [{ from: "order", to: "check" }] };

async function openPlanted(isLoaded = true) {
  const { plan, code, tasks } = await plant(CHECKOUT);
  const whole = tasks.map(({ taskId, turns }): WholeTask => ({
    summary: {
      taskId,
      namespace: "planted",
      workflow: "checkout",
      version: "1.0.0",
      definitionHash: plan.hash,
      state: "completed",
      blockedReason: undefined,
      tags: [],
      labels: [],
      createdAtMs: 0,
      endedAtMs: 1,
    },
    turns,
  }));
  return openOptimiser({
    reader: {
      async *tasks() {
        yield* whole;
      },
    },
    plans: { byHash: () => Promise.resolve(plan) },
    policies: new MemoryPolicies(),
    playback: openPlayback(),
    codeOf: () => isLoaded ? code : undefined,
    instances: () => [],
  });
}

function isRefused(code: string) {
  return (error: unknown) => error instanceof TaskerError && error.code === code;
}

Deno.test("an edge over which code reads cannot be dropped", async () => {
  const optimiser = await openPlanted();

  await rejects(optimiser.whatif({ ...FROM, change: DROP }), (error) => {
    ok(error instanceof TaskerError);
    equal(
      error.message,
      'Cannot drop edge "order:check": "check" reads order.task in 60 of 60 tasks',
    );
    return isRefused("api.bad_request")(error);
  });
});

Deno.test("who asks while a server answers another question is asked to come again", async () => {
  const optimiser = await openPlanted();

  const first = optimiser.optimise(FROM);

  await rejects(optimiser.optimise(FROM), isRefused("api.busy"));
  equal((await first).tasks, 60);
  equal((await optimiser.optimise(FROM)).tasks, 60);
});

Deno.test("a question whose asker has gone is given up, and the next one is answered", async () => {
  const optimiser = await openPlanted(false);
  const gone = AbortSignal.abort();

  await rejects(optimiser.whatif({ ...FROM, change: DROP, signal: gone }), isRefused("api.busy"));
  const { effects } = await optimiser.whatif({ ...FROM, change: DROP });

  equal(effects?.p50Ms.after, 1_000);
});
