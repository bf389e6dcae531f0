/** Scenario files: reads the scenario that a TypeScript file exports. */

import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { ScenarioOf } from "./scenario.ts";

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
