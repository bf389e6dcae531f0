import assert from "node:assert/strict";
import { Draw } from "../../src/simulation/draw.ts";
import { loadScenario, unknownNames } from "../../src/simulation/scenario_file.ts";
import { scoreOf } from "../../src/simulation/score.ts";
import { openWorld } from "../../src/simulation/world.ts";
import { runArm } from "./arm.ts";

const FOLDER = new URL("scenarios", import.meta.url).pathname;

/** The score of a scenario under a seed, without healing. */
async function score(name: string, seed = 1) {
  const scenario = (await loadScenario(`${FOLDER}/${name}.ts`))(new Draw(`${seed}/magnitudes`));
  await using world = await openWorld(scenario, { seed });
  await world.run();
  return scoreOf(scenario, world.records);
}

/** How many faults and controls each folder has at least. */
const FOLDERS = {
  scenarios: { faults: 40, controls: 6 },
  field: { faults: 88, controls: 20 },
  unseen: { faults: 20, controls: 5 },
};

for (const [name, least] of Object.entries(FOLDERS)) {
  Deno.test(`every scenario in ${name} says what is wanted, and names what exists`, async () => {
    const folder = new URL(name, import.meta.url).pathname;
    const files = [...Deno.readDirSync(folder)].map((file) => `${folder}/${file.name}`);
    const all = await Promise.all(files.map((file) => loadScenario(file)));

    const scenarios = all.map((of) => of(new Draw("1")));
    for (const scenario of scenarios) assert.deepEqual(unknownNames(scenario), [], scenario.about);
    const controls = scenarios.filter(({ wanted }) => wanted.isControl).length;
    assert.ok(controls >= least.controls, `${controls} controls`);
    assert.ok(scenarios.length - controls >= least.faults, `${scenarios.length} scenarios`);
  });
}

Deno.test("a scenario is noted that names what does not exist", async () => {
  const scenario = (await loadScenario(`${FOLDER}/broken_worker.ts`))(new Draw("1"));
  const wanted = {
    ...scenario.wanted,
    forbidden: ["set_timeouts"],
    diagnosis: { failureType: ["slow"], steps: ["pay"] },
  };

  const notes = unknownNames({ ...scenario, wanted });

  assert.equal(notes.length, 3);
  assert.match(notes[0] ?? "", /the action "set_timeouts" is unknown; there are set_timeout, /);
});

Deno.test("scenarios are breached without healing, and controls are not", async () => {
  assert.ok((await score("broken_worker")).breachMinutes >= 40);
  assert.ok((await score("expired_credential")).breachMinutes >= 40);
  assert.equal((await score("control_noisy")).breachMinutes, 0);
  assert.equal((await score("control_good_deploy")).breachMinutes, 0);
});

Deno.test("healing goes on after a correction of the time by a part of a millisecond", async () => {
  const path = `${FOLDER}/../field/skewed_clock_one_host.ts`;
  const { actions } = await runArm({ path, seed: 1, heals: true });

  assert.deepEqual([...new Set(actions.flatMap(({ kinds }) => kinds))], ["eject_instance"]);
});

for (const name of ["rate_taken_by_batch", "broken_worker"]) {
  Deno.test(`healing leaves few minutes breached of ${name}, and does nothing unsafe`, async () => {
    const result = await runArm({ path: `${FOLDER}/${name}.ts`, seed: 1, heals: true });

    assert.ok(result.breachMinutes <= 7, `${result.breachMinutes} minutes`);
    assert.ok(result.actions.length > 0);
    assert.deepEqual(result.actions.flatMap(({ unsafe }) => unsafe), []);
  });
}

for (const name of ["control_noisy", "control_good_deploy"]) {
  Deno.test(`healing changes nothing in ${name}`, async () => {
    const result = await runArm({ path: `${FOLDER}/${name}.ts`, seed: 1, heals: true });

    assert.deepEqual(result.actions, []);
    assert.equal(result.breachMinutes, 0);
  });
}

Deno.test("a scenario that keeps what its systems did fares in the bench as it does alone", async () => {
  const path = new URL("field/lock_contention.ts", import.meta.url).pathname;
  const { breachMinutes } = await runArm({ path, seed: 1, heals: false });

  assert.equal(breachMinutes, (await score("../field/lock_contention")).breachMinutes);
});
