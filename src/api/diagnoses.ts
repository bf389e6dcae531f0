/** Handlers of diagnoses. */

import type { DIAGNOSES } from "../operations/diagnoses.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that is asked about failures. */
export function diagnosisHandlers({ tasks, diagnoser }: Services): Handlers<typeof DIAGNOSES> {
  return {
    async diagnoseTask({ id, step, explain }, { caller, signal }) {
      const { taskId, definitionHash, namespace } = await tasks.find(id, caller);
      const { namespaces } = caller;
      const isExplained = explain === "model";
      const about = { taskId, definitionHash, namespace, namespaces, signal, isExplained };
      const body = await diagnoser.diagnose({ ...about, ...(step !== undefined && { step }) });
      return { status: 200, body };
    },
  };
}
