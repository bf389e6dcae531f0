/** Handler of log lines of step code. */

import type { StepLine, StepLineFilter } from "../core/ports.ts";
import type { SensitiveValues } from "../core/sensitive.ts";
import { timeText } from "../operations/schema.ts";
import type { STEP_LOGS } from "../operations/step_logs.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";

/** Handlers of log lines. */
export function stepLogHandlers(
  { shownValues, stepLogs, tasks }: Services,
): Handlers<typeof STEP_LOGS> {
  return {
    async listStepLines({ id, step, attempt, limit, cursor }, { caller }) {
      const summary = await tasks.find(id, caller);
      const { taskId } = summary;
      const lines = await stepLogs.read({
        ...{ taskId, step, attempt, limit },
        ...(cursor !== undefined && { after: parseCursor(cursor) }),
      });
      const sensitive = await shownValues.of(taskId, await tasks.planOf(summary));
      const last = lines.at(-1);
      const isMore = lines.length === limit && last !== undefined;
      return {
        status: 200,
        body: {
          lines: lines.map((line) => documentOf(line, sensitive)),
          ...(isMore && { nextCursor: [last.step, last.attempt, last.number].join("/") }),
        },
      };
    },
  };
}

function documentOf(
  { taskId: _, atMs, text, fields, dropped, ...line }: StepLine,
  sensitive: SensitiveValues,
) {
  return {
    ...line,
    text: sensitive.hide(text),
    at: timeText(atMs),
    ...(fields !== "" && { fields: sensitive.hideInJson(fields) }),
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
