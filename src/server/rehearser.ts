/** The rehearser of a server: reads documents, and rehearses them one after the other. */

import { TaskerError } from "../core/errors.ts";
import type { RehearsalRequest, Rehearser, Runtime } from "../core/ports.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import { buildWorkflow, type BuiltWorkflow } from "../registry/build.ts";
import { moduleOf } from "../registry/load.ts";
import { readManifest } from "../registry/manifest.ts";
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
      const before = last;
      const mine = before.catch(() => {}).then(() => rehearseText(request, runtime));
      last = mine;
      try {
        return await mine;
      } finally {
        waiting--;
      }
    },
  };
}

/** @throws {TaskerError} definition.invalid with all faults, each with line and column */
function rehearseText(
  { text, input, failures, signal }: RehearsalRequest,
  runtime: Pick<Runtime, "digest" | "monotonic">,
): Promise<Rehearsal> {
  return rehearse(buildText(text, runtime), {
    ...(input !== undefined && { input }),
    ...(failures !== undefined && { failures }),
    ...(signal !== undefined && { signal }),
    monotonic: () => runtime.monotonic(),
  });
}

function buildText(text: string, runtime: Pick<Runtime, "digest">): BuiltWorkflow {
  const url = new URL(`file:///${FILE}`);
  const manifest = readManifest(FILE, text);
  return buildWorkflow(moduleOf(url, manifest), {
    digest: (text) => runtime.digest(text),
    manifest,
  });
}
