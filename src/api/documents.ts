/** Handlers of documents. */

import type { DOCUMENTS } from "../operations/documents.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that is asked about documents. */
export function documentHandlers({ rehearser }: Services): Handlers<typeof DOCUMENTS> {
  return {
    async simulateDocument({ text, input, failures }, { signal }) {
      const body = await rehearser.rehearse({
        text,
        signal,
        ...(input !== undefined && { input }),
        ...(failures !== undefined && { failures }),
      });
      return { status: 200, body };
    },
  };
}
