/**
 * Root of `deno task simulate --load SCENARIO`: lets a scenario happen on the virtual clock, under
 * the real engine, policies and supervisor, and prints how the tasks fared.
 */

import { parseArgs } from "node:util";
import { chosenOf, type Incident, outcomeOf } from "../core/incident.ts";
import { messageOf } from "../core/errors.ts";
import { Draw } from "./draw.ts";
import { chart } from "./plot.ts";
import { loadScenario, unknownNames } from "./scenario_file.ts";
import { type Score, scoreOf } from "./score.ts";
import { openWorld } from "./world.ts";

const USAGE = `Usage: deno task simulate --load FILE [--no-heal] [--seed N] [--json]

  --load FILE   a scenario: a TypeScript file, see docs/healing.md
  --no-heal     without healing: policies stay as they are; circuits and limits do their work
  --seed N      other magnitudes, arrivals and latencies (1)
  --json        one JSON document instead of a plot`;

/** Columns and rows of the plot: with its scale it stands in 80 columns. */
const COLUMNS = 64;
const ROWS = 6;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      load: { type: "string" },
      "no-heal": { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const seed = Number(values.seed);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.load === undefined || !Number.isInteger(seed)) {
    const wrong = values.load === undefined ? "--load is missing" : "--seed is not a whole number";
    console.error(`Cannot simulate: ${wrong}\n\n${USAGE}`);
    return 2;
  }
  const of = await loadScenario(values.load);
  const scenario = of(new Draw(`${seed}/magnitudes`));
  for (const text of unknownNames(scenario)) console.error(`Note: ${text}`);
  await using world = await openWorld(scenario, { seed, heals: !values["no-heal"] });
  const beganMs = performance.now();
  await world.run();
  const score = scoreOf(scenario, world.records);
  const incidents = world.incidents();
  if (values.json) {
    console.log(JSON.stringify({ about: scenario.about, seed, ...score, incidents }));
    return 0;
  }
  print(scenario.about, score, performance.now() - beganMs);
  console.log(`\nIncidents${incidents.length === 0 ? ": none" : ""}`);
  for (const incident of incidents) console.log(lineOf(incident, world.beginMs));
  return 0;
}

function print(about: string, score: Score, tookMs: number): void {
  const each = Math.ceil(score.minutes.length / COLUMNS);
  const columns = Array.from({ length: Math.ceil(score.minutes.length / each) }, (_, column) => {
    const of = score.minutes.slice(column * each, (column + 1) * each);
    const arrived = of.reduce((sum, minute) => sum + minute.arrived, 0);
    return arrived === 0 ? undefined : of.reduce((sum, { good }) => sum + good, 0) / arrived;
  });
  console.log(`${about}\n\nShare of the tasks that completed in time, by minute of arrival\n`);
  const label = (value: number) => `${Math.round(value * 100)} %`;
  for (const row of chart(columns, { max: 1, rows: ROWS, label })) console.log(`  ${row}`);
  console.log(`  ${" ".repeat(6)}└${"─".repeat(columns.length)} ${score.minutes.length} min\n`);
  const { tasks, goodput, breachMinutes, attempts, touches } = score;
  console.log(`  tasks            ${tasks}, ${(goodput * 100).toFixed(1)} % completed in time`);
  console.log(`  minutes breached ${breachMinutes} of ${score.minutes.length}`);
  console.log(`  attempts a task  ${attempts.toFixed(2)}`);
  console.log(`  waited for a person, or failed: ${touches}`);
  console.log(`  simulated in ${(tookMs / 1_000).toFixed(1)} s`);
}

/** One incident in a line: when, what it was about, and what became of it. */
function lineOf(incident: Incident, beginMs: number): string {
  const { about, diagnose, phase, startedAtMs } = incident;
  const minute = ((startedAtMs - beginMs) / 60_000).toFixed(1).padStart(6);
  const kind = chosenOf(incident)?.action.kind ?? "nothing";
  const outcome = outcomeOf(incident)?.outcome ?? phase;
  return `  ${minute} min  ${about}: ${diagnose?.says ?? ""}; ${kind}, ${outcome}`;
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(1);
}
