/** Loading: a module's manifest is read, and the workflow built. */

import { messageOf, type TaskerError } from "../core/errors.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import { type BuildOptions, buildWorkflow, type BuiltWorkflow } from "./build.ts";
import { Faults } from "./fault.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { YAML_BYTES_MAX } from "./yaml.ts";

/**
 * Builds a workflow, with the manifest that its module implements.
 *
 * @throws {TaskerError} definition.invalid with all faults
 */
export async function loadWorkflow(
  module: WorkflowModule,
  { digest }: Pick<BuildOptions, "digest">,
): Promise<BuiltWorkflow> {
  const manifest = await manifestOf(module);
  return buildWorkflow(module, { digest, ...(manifest && { manifest }) });
}

async function manifestOf(module: WorkflowModule): Promise<Manifest | undefined> {
  if (module.manifest === undefined) return undefined;
  const { path, base } = module.manifest;
  const file = URL.parse(path, base ?? module.at()?.file);
  if (file?.protocol !== "file:") {
    throw refuse(module, "nobody knows where it is, expected `base: import.meta.url`");
  }
  const text = await readText(file).catch((cause) => {
    throw refuse(module, `cannot be read: ${messageOf(cause)}`);
  });
  return readManifest(file.href, text);
}

/** Looks at the size first, so that no huge file is read. */
async function readText(file: URL): Promise<string> {
  const { size } = await Deno.stat(file);
  if (size <= YAML_BYTES_MAX) return await Deno.readTextFile(file);
  throw new RangeError(`it has ${size} bytes, at most ${YAML_BYTES_MAX} are allowed`);
}

function refuse(module: WorkflowModule, detail: string): TaskerError {
  const path = module.manifest?.path ?? "";
  const faults = new Faults();
  faults.add({ path, at: module.at }, "no_manifest", detail);
  return faults.toError(`manifest "${path}"`);
}
