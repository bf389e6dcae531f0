/** Handlers of diagnoses. */

import type { DIAGNOSES } from "../operations/diagnoses.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that is asked about failures. */
export function diagnosisHandlers({ tasks, diagnoser }: Services): Handlers<typeof DIAGNOSES> {
  return {
    async diagnoseTask({ id, step }, { caller, signal }) {
      const { taskId, definitionHash } = await tasks.find(id, caller);
      const { namespaces } = caller;
      const about = { taskId, definitionHash, namespaces, signal };
      const body = await diagnoser.diagnose({ ...about, ...(step !== undefined && { step }) });
      return { status: 200, body };
    },
  };
}
