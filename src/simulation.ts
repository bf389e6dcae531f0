/**
 * What a file of a load scenario may use.
 *
 * @module
 */

export { scenario } from "./simulation/scenario.ts";
export type {
  Call,
  Objective,
  Reaction,
  Scenario,
  ScenarioFailure,
  ScenarioInstance,
  ScenarioOf,
  ScenarioStep,
  ScenarioSystem,
  ScenarioTask,
  ScenarioWorkflow,
  TaskGiven,
  Timed,
  Wanted,
} from "./simulation/scenario.ts";
export type { Draw } from "./simulation/draw.ts";
