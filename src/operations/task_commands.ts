/** Task commands: what each operation on a started task asks of the task's actor. */

import type { OutsideCommand } from "../core/command.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { ParsedOf } from "./operation.ts";
import type { TASKS } from "./tasks.ts";

/** The operations on a started task. */
export type CommandName =
  | "cancelTask"
  | "pauseTask"
  | "resumeTask"
  | "sendSignal"
  | "retryStep"
  | "resolveStep"
  | "skipStep"
  | "chooseStep";

/** What every command has. */
export interface CommandBase {
  readonly commandId: string;
  readonly taskId: TaskId;
  readonly by: string;
  readonly reason: string;
}

/** The input of an operation, without what is in the base. */
export type CommandInput<Name extends CommandName> = Omit<
  ParsedOf<typeof TASKS[Name]>,
  keyof CommandBase | "id"
>;

/**
 * Makes the command of an operation.
 *
 * @throws {TaskerError} payload.too_large, journal.poison, contract.violation
 */
export const TASK_COMMANDS: {
  readonly [Name in CommandName]: (
    input: CommandInput<Name>,
    base: CommandBase,
  ) => OutsideCommand;
} = {
  cancelTask: (_input, base) => ({ kind: "CancelTask", ...base }),
  pauseTask: (_input, base) => ({ kind: "PauseTask", ...base }),
  resumeTask: (_input, base) => ({ kind: "ResumeTask", ...base }),
  sendSignal: ({ name, payload }, { commandId, taskId }) => ({
    kind: "SendSignal",
    commandId,
    taskId,
    name,
    payload: encodePayload(payload, `the payload of signal "${name}"`),
  }),
  retryStep: ({ step }, base) => ({ kind: "RetryStep", ...base, step }),
  resolveStep: ({ step, result }, base) => ({
    kind: "ResolveStep",
    ...base,
    step,
    result: encodePayload(result, `the result of step "${step}"`),
  }),
  skipStep: ({ step, result }, base) => ({
    kind: "SkipStep",
    ...base,
    step,
    ...(result !== undefined &&
      { result: encodePayload(result, `the result of step "${step}"`) }),
  }),
  chooseStep: ({ step, choice, result, cause }, base) => ({
    kind: "ChooseStep",
    ...base,
    step,
    choice,
    ...(result !== undefined &&
      { result: encodePayload(result, `the result of step "${step}"`) }),
    ...(cause !== undefined && { cause }),
  }),
};
