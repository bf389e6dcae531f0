/** Scenario files: reads the scenario that a TypeScript file exports. */

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { FAILURE_TYPES } from "../core/healing.ts";
import { ACTION_KINDS } from "../core/healing_action.ts";
import type { Scenario, ScenarioOf } from "./scenario.ts";

/** Counts what was imported: a file under another address is another module. */
let imports = 0;

/**
 * Imports a file anew, so what it keeps in a run is not there in the next one; its code runs with the
 * permissions of this process.
 */
export async function loadScenario(path: string): Promise<ScenarioOf> {
  if (!existsSync(path)) throw new Error(`Cannot read scenario "${path}": there is no such file`);
  const address = `${pathToFileURL(path).href}?${++imports}`;
  const { default: of } = await import(address) as { default: unknown };
  if (typeof of === "function") return of as ScenarioOf;
  throw new Error(`"${path}" has no scenario: write \`export default scenario(…)\``);
}

/** Says which names of a scenario nothing has: what it forbids by one never happens, no diagnosis says it. */
export function unknownNames({ workflows, systems, wanted }: Scenario): readonly string[] {
  const all = Object.values(workflows).flatMap(({ steps }) => Object.entries(steps));
  const [steps, sentTo] = [all.map(([name]) => name), all.map(([, { system }]) => system)];
  const check = (what: string, names: readonly string[] = [], known: readonly string[]) =>
    names.filter((name) => !known.includes(name))
      .map((name) => `${what} "${name}" is unknown; there are ${known.join(", ")}`);
  return [
    ...check("the system", sentTo, Object.keys(systems)),
    ...check("the action", wanted.forbidden, ACTION_KINDS),
    ...check("the failure type", wanted.diagnosis?.failureType, FAILURE_TYPES),
    ...check("the step", wanted.diagnosis?.steps, steps),
  ];
}
