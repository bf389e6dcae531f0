/**
 * Tasker's SDK: all that a workflow module may import.
 *
 * It only records what a module says; the server checks it when it loads the module, and names
 * file, line and column of everything that is wrong.
 *
 * @module
 */

export { z } from "./sdk/zod.ts";
export { remote, step } from "./sdk/step.ts";
export { implement, workflow } from "./sdk/workflow.ts";
export type {
  Failed,
  LocalDefinition,
  LocalStep,
  RemoteDefinition,
  Step,
  StepContext,
} from "./sdk/step.ts";
export type { Manifest, ManifestStep, ManifestSystem } from "./sdk/manifest.ts";
export type { ManifestMeta, Workflow, WorkflowMeta } from "./sdk/workflow.ts";
export type { Handle, ManifestHandle, ManifestWires, Outcome, Wires } from "./sdk/wires.ts";
export type { Mapped, Output, Ref } from "./sdk/output.ts";
export type { Backoff, Policy } from "./core/policy.ts";
export type { When } from "./core/graph.ts";
