/** Authoring of a test of the API: nothing about it is played. */

import type { ApiDeps } from "../../src/api/deps.ts";
import type { Runtime } from "../../src/core/ports.ts";
import { openDocuments } from "../../src/server/documents.ts";
import { openGenerator } from "../../src/server/generator.ts";
import { openRehearser } from "../../src/server/rehearser.ts";

/** What the API asks of authoring. */
export function fakeAuthoring(
  runtime: Runtime,
): Pick<ApiDeps, "documents" | "rehearser" | "generator"> {
  const rehearser = openRehearser(runtime);
  return {
    documents: openDocuments(runtime),
    rehearser,
    generator: openGenerator({ rehearser, runtime }),
  };
}
