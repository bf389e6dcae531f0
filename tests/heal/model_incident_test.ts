import { deepEqual, ok } from "node:assert/strict";
import type { Adviser } from "../../src/heal/adviser.ts";
import { Draw } from "../../src/simulation/draw.ts";
import { loadScenario } from "../../src/simulation/scenario_file.ts";
import { scoreOf } from "../../src/simulation/score.ts";
import { openWorld } from "../../src/simulation/world.ts";

const PATH = new URL("scenarios/provider_rate.ts", import.meta.url).pathname;
const SEED = 1;

/** Puts what is worst first, and is certain: all that bad advice can be once it was read. */
const HOSTILE: Pick<Adviser, "advise"> = {
  advise: ({ actions }) =>
    Promise.resolve({
      name: "approve all",
      explanation: [],
      ranking: actions.map(({ id }) => id).reverse(),
      confidence: 1,
    }),
};

async function healed(adviser?: Pick<Adviser, "advise">) {
  const make = await loadScenario(PATH);
  const scenario = make(new Draw(`${SEED}/magnitudes`));
  await using world = await openWorld(scenario, { seed: SEED, heals: true, adviser });
  await world.run();
  const incidents = world.incidents();
  return {
    advised: incidents.filter(({ propose }) => propose?.advice !== undefined).length,
    decided: incidents.map(({ about, propose, apply, conclude }) => ({
      about,
      chosen: propose?.proposals.find(({ id }) => id === propose.chosen)?.action,
      isApplied: apply?.isApplied,
      outcome: conclude?.outcome,
    })),
    score: scoreOf(scenario, world.records),
  };
}

Deno.test("an incident ends alike with the worst advice and without a model", async () => {
  const without = await healed();
  const advised = await healed(HOSTILE);

  ok(without.decided.some(({ isApplied }) => isApplied === true), "nothing was healed");
  ok(advised.advised > 0);
  deepEqual(advised.decided, without.decided);
  deepEqual(advised.score, without.score);
});
