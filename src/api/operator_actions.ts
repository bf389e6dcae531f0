/** Handlers of commands: what people and programs decide about a running task. */

import type { OutsideCommand } from "../core/command.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { TASKS } from "../operations/tasks.ts";
import { type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";

type TaskHandlers = Handlers<typeof TASKS>;

/** The fields that every command may have. */
interface CommandInput {
  readonly id: string;
  readonly by?: string | undefined;
  readonly reason?: string;
}

/** What every command is made of. */
interface CommandBase {
  readonly commandId: string;
  readonly taskId: TaskId;
  readonly by: string;
  readonly reason: string;
}

/** Sends a command; `operation` names it, with what it is about, in the command id. */
type Send = (
  input: CommandInput,
  call: Call,
  operation: string,
  make: (base: CommandBase) => OutsideCommand,
) => ReturnType<TaskHandlers["cancelTask"]>;

/** Handlers of everything that changes a task which has been started. */
export function operatorActionHandlers(services: Services) {
  const send: Send = async (input, call, operation, make) => {
    const { caller } = call;
    const { by, reason = "" } = input;
    const { taskId } = await services.tasks.find(input.id, caller);
    const commandId = commandIdOf(services.runtime, call, operation, taskId);
    const command = make({ commandId, taskId, by: caller.signature(by), reason });
    const { turn, changed } = await services.sink.send(command);
    const fields = { taskId, kind: command.kind, keyId: caller.keyId, changed };
    services.log.info("Took a command", fields);
    return { status: 202, body: { id: taskId, turn, changed } };
  };
  return { ...taskCommandHandlers(send), ...stepCommandHandlers(send) };
}

function taskCommandHandlers(
  send: Send,
): Pick<TaskHandlers, "cancelTask" | "pauseTask" | "resumeTask" | "sendSignal"> {
  return {
    cancelTask: (input, call) =>
      send(input, call, "cancel", (base) => ({ kind: "CancelTask", ...base })),
    pauseTask: (input, call) =>
      send(input, call, "pause", (base) => ({ kind: "PauseTask", ...base })),
    resumeTask: (input, call) =>
      send(input, call, "resume", (base) => ({ kind: "ResumeTask", ...base })),
    sendSignal({ id, name, ...input }, call) {
      const payload = encodePayload(input.payload, `the payload of signal "${name}"`);
      return send({ id }, call, `signal:${name}`, ({ commandId, taskId }) => ({
        kind: "SendSignal",
        commandId,
        taskId,
        name,
        payload,
      }));
    },
  };
}

function stepCommandHandlers(
  send: Send,
): Pick<TaskHandlers, "retryStep" | "resolveStep" | "skipStep"> {
  return {
    retryStep(input, call) {
      const { step } = input;
      return send(input, call, `retry:${step}`, (base) => ({ kind: "RetryStep", ...base, step }));
    },
    resolveStep(input, call) {
      const { step } = input;
      const result = encodePayload(input.result, `the result of step "${step}"`);
      return send(
        input,
        call,
        `resolve:${step}`,
        (base) => ({ kind: "ResolveStep", ...base, step, result }),
      );
    },
    skipStep(input, call) {
      const { step } = input;
      const result = input.result === undefined
        ? {}
        : { result: encodePayload(input.result, `the result of step "${step}"`) };
      return send(
        input,
        call,
        `skip:${step}`,
        (base) => ({ kind: "SkipStep", ...base, step, ...result }),
      );
    },
  };
}
