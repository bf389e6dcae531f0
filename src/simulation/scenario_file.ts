/** Scenario files: reads the scenario that a TypeScript file exports. */

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { ScenarioOf } from "./scenario.ts";

/** Imports a file; its code runs with the permissions of this process. */
export async function loadScenario(path: string): Promise<ScenarioOf> {
  if (!existsSync(path)) throw new Error(`Cannot read scenario "${path}": there is no such file`);
  const { default: of } = await import(pathToFileURL(path).href) as { default: unknown };
  if (typeof of === "function") return of as ScenarioOf;
  throw new Error(`"${path}" has no scenario: write \`export default scenario(…)\``);
}
