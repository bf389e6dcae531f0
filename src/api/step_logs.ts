/** Handler of log lines of step code. */

import type { StepLine, StepLineFilter } from "../core/ports.ts";
import { timeText } from "../operations/schema.ts";
import type { STEP_LOGS } from "../operations/step_logs.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";

/** Handlers of log lines. */
export function stepLogHandlers({ tasks, stepLogs }: Services): Handlers<typeof STEP_LOGS> {
  return {
    async listStepLines({ id, step, attempt, limit, cursor }, { caller }) {
      const { taskId } = await tasks.find(id, caller);
      const lines = await stepLogs.read({
        ...{ taskId, step, attempt, limit },
        ...(cursor !== undefined && { after: parseCursor(cursor) }),
      });
      const last = lines.at(-1);
      const isMore = lines.length === limit && last !== undefined;
      return {
        status: 200,
        body: {
          lines: lines.map(documentOf),
          ...(isMore && { nextCursor: [last.step, last.attempt, last.number].join("/") }),
        },
      };
    },
  };
}

function documentOf({ taskId: _, atMs, fields, dropped, ...line }: StepLine) {
  return {
    ...line,
    at: timeText(atMs),
    ...(fields !== "" && { fields }),
    ...(dropped > 0 && { dropped }),
  };
}

/** @throws {TaskerError} api.bad_request */
function parseCursor(cursor: string): NonNullable<StepLineFilter["after"]> {
  const [, step = "", attempt = "", number = ""] =
    /^([a-z0-9_-]+)\/(\d{1,9})\/(\d{1,9})$/.exec(cursor) ?? [];
  if (step !== "") return [step, Number(attempt), Number(number)];
  throw badRequest("Cannot read the cursor: this API did not make it");
}
