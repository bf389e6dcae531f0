/** The rehearser of a server: reads documents, and rehearses them. */

import type { RehearsalRequest, Rehearser, Runtime } from "../core/ports.ts";
import { buildWorkflow } from "../registry/build.ts";
import { moduleOf } from "../registry/load.ts";
import { readManifest } from "../registry/manifest.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import { rehearse } from "./rehearsal.ts";

/** Names a document in faults. */
const FILE = "workflow.yaml";

/** Opens a rehearser. */
export function openRehearser(runtime: Pick<Runtime, "digest" | "monotonic">): Rehearser {
  return { rehearse: (request) => rehearseText(request, runtime) };
}

async function rehearseText(
  { text, file: named, input, failures, signal }: RehearsalRequest,
  runtime: Pick<Runtime, "digest" | "monotonic">,
): Promise<Rehearsal> {
  const manifest = readManifest(named ?? FILE, text);
  const built = buildWorkflow(moduleOf(new URL(`file:///${FILE}`), manifest), {
    digest: (of) => runtime.digest(of),
    manifest,
    placeholders: "taken",
  });
  const file = named ?? `${built.definition.name}.yaml`;
  const open = manifest.workflow_steps.filter(({ todo }) => todo !== undefined);
  return await rehearse(built, {
    file,
    ...(input !== undefined && { input }),
    ...(failures !== undefined && { failures }),
    ...(signal !== undefined && { signal }),
    placeholders: new Set(open.map(({ name }) => name)),
    monotonic: () => runtime.monotonic(),
  });
}
