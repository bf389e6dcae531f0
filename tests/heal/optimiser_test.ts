import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Optimisation } from "../../src/core/optimisation.ts";
import type { WorkflowCode } from "../../src/core/workflow.ts";
import { optimise } from "../../src/heal/optimise.ts";
import { traceOf } from "../../src/heal/trace.ts";
import { openPlayback } from "../../src/server/playback.ts";
import { optimiserBench } from "./optimiser_bench.ts";
import { around, plant, type Planted, type Planting } from "./planted.ts";

/** `loaded` is the code of the workflow, where there is any. */
function ask(
  { plan, tasks }: Planted,
  { steps }: Pick<Planting, "steps">,
  loaded?: WorkflowCode,
): Promise<Optimisation> {
  const traces = tasks.flatMap((task) => traceOf(task) ?? []);
  const effects = new Map(steps.map(({ name, effect }) => [name, effect]));
  return optimise({
    sample: { plan, policyVersion: 0, steps: {}, tasks, traces, leftOut: 0, isSample: false },
    playback: openPlayback(),
    code: loaded,
    effectOf: ({ name }) => effects.get(name),
  });
}

/** `check` waits for `validate` without reading anything of it. */
const FALSE_EDGE: Planting = {
  name: "checkout",
  seed: 11,
  tasks: 150,
  steps: [
    { name: "validate", behaves: around(2_000, 0.1) },
    { name: "check", needs: ["validate"], reads: [], behaves: around(3_000, 0.1) },
    { name: "charge", needs: ["validate", "check"], behaves: around(500, 0.1) },
  ],
};

Deno.test("steps that could run at once are found, with what it saves by playing", async () => {
  const planted = await plant(FALSE_EDGE);
  const found = await ask(planted, FALSE_EDGE, planted.code);

  deepEqual(found.parallel_opportunities.map(({ steps }) => steps), [["validate", "check"]]);
  const [saved] = found.parallel_opportunities.map(({ savesMs }) => savesMs);
  ok(saved !== undefined && saved.low > 1_500 && saved.high < 2_500, JSON.stringify(saved));
  ok(
    found.critical_path_optimization[0]?.startsWith(
      "Steps 'validate' and 'check' can run in parallel: nothing of 'validate' was read in 150 tasks",
    ),
  );
});

Deno.test("what cannot be played as it was is suggested as not played", async () => {
  const planted = await plant(FALSE_EDGE);
  // Half of the tasks waited a minute before each step, for something that is not played.
  const late = planted.tasks.map((task, at) => ({
    ...task,
    turns: task.turns.map((turn, index) => ({
      ...turn,
      events: turn.events.map((event) => ({
        ...event,
        atMs: event.atMs + (at % 2) * Math.max(0, index - 1) * 60_000,
      })),
    })),
  }));
  const found = await ask({ ...planted, tasks: late }, FALSE_EDGE, planted.code);

  match(found.refusal ?? "", /^played without the change, /);
  match(found.dependency_optimization[0] ?? "", /\. Not played again: even without a change, /);
});

Deno.test("nothing is said of edges whose code is not loaded, and that is said", async () => {
  const found = await ask(await plant(FALSE_EDGE), FALSE_EDGE);

  deepEqual(found.suggested_optimizations, []);
  deepEqual(found.declined.map(({ of }) => of), [
    "validate:check",
    "validate:charge",
    "check:charge",
  ]);
});

Deno.test("an edge whose data is hidden behind another of a redundant order stays once", async () => {
  const planting: Planting = {
    name: "chain",
    seed: 12,
    tasks: 120,
    steps: [
      { name: "a", behaves: around(500) },
      { name: "b", needs: ["a"], behaves: around(500) },
      { name: "c", needs: ["b"], after: ["a"], behaves: around(500) },
    ],
  };

  const planted = await plant(planting);
  const found = await ask(planted, planting, planted.code);

  deepEqual(found.suggested_optimizations.map(({ kind, edge }) => [kind, edge]), [
    ["dependency", { from: "a", to: "c" }],
  ]);
});

Deno.test("what the optimiser suggests was planted, and most of what was planted is found", async () => {
  const { planted, bottlenecks, wrong, missed } = await optimiserBench({ workflows: 8 });

  deepEqual(wrong, []);
  ok(missed.length <= 0.2 * planted, missed.join(", "));
  equal(bottlenecks, 1);
});
