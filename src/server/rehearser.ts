/** The rehearser of a server: reads documents, and rehearses them one after the other. */

import { TaskerError } from "../core/errors.ts";
import type { RehearsalRequest, Rehearser, Runtime } from "../core/ports.ts";
import { buildWorkflow } from "../registry/build.ts";
import { moduleOf } from "../registry/load.ts";
import { readManifest } from "../registry/manifest.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import { rehearse } from "./rehearsal.ts";

/** Rehearsals that wait for the one that runs; each takes up to ten seconds. */
const WAITING_MAX = 8;

/** How long who is refused should wait. */
const BUSY_RETRY_MS = 5_000;

/** Names a document in faults. */
const FILE = "workflow.yaml";

/** Opens a rehearser. */
export function openRehearser(runtime: Pick<Runtime, "digest" | "monotonic">): Rehearser {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async rehearse(request) {
      if (waiting > WAITING_MAX) {
        throw new TaskerError(
          "api.busy",
          `Cannot rehearse a document: ${WAITING_MAX} others wait for that`,
          { retryAfterMs: BUSY_RETRY_MS },
        );
      }
      waiting++;
      const mine = last.then(() => rehearseText(request, runtime));
      last = mine.catch(() => {});
      try {
        return await mine;
      } finally {
        waiting--;
      }
    },
  };
}

function rehearseText(
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
  return rehearse(built, {
    file,
    ...(input !== undefined && { input }),
    ...(failures !== undefined && { failures }),
    ...(signal !== undefined && { signal }),
    placeholders: new Set(open.map(({ name }) => name)),
    monotonic: () => runtime.monotonic(),
  });
}
