/** Handlers of commands: what people and programs decide about a running task. */

import { wait } from "../core/backoff.ts";
import type { ChooseStep } from "../core/command.ts";
import { type CommandInput, type CommandName, TASK_COMMANDS } from "../operations/task_commands.ts";
import type { TASKS } from "../operations/tasks.ts";
import { refuseIncident } from "./access.ts";
import { type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";

/** How command ids name an operation. They are in journals: they do not change. */
const ID_NAMES: Readonly<Record<CommandName, string>> = {
  cancelTask: "cancel",
  pauseTask: "pause",
  resumeTask: "resume",
  sendSignal: "signal",
  retryStep: "retry",
  resolveStep: "resolve",
  skipStep: "skip",
  chooseStep: "choose",
};

/** Handlers of everything that changes a task which has been started. */
export function operatorActionHandlers(
  services: Services,
): Pick<Handlers<typeof TASKS>, CommandName> {
  return {
    cancelTask: (input, call) => send(services, "cancelTask", input, call),
    pauseTask: (input, call) => send(services, "pauseTask", input, call),
    resumeTask: (input, call) => send(services, "resumeTask", input, call),
    sendSignal: (input, call) => send(services, "sendSignal", input, call),
    retryStep: (input, call) => send(services, "retryStep", input, call),
    resolveStep: (input, call) => send(services, "resolveStep", input, call),
    skipStep: (input, call) => send(services, "skipStep", input, call),
    chooseStep: async (input, call) =>
      send(services, "chooseStep", input, call, await statedNow(services, input, call)),
  };
}

/** The fields that some of the operations have. */
interface CommonInput {
  readonly id: string;
  readonly by?: string | undefined;
  readonly reason?: string;
  /** What the command is about, within the task. */
  readonly name?: string;
  readonly step?: string;
}

/** What a diagnosis states. */
type Stated = Pick<ChooseStep, "diagnosed" | "confidence">;

/** How long a choice waits for the diagnosis that is recorded with it. */
const STATED_MS_MAX = 3_000;

/**
 * What the diagnosis of a step states now: with what comes of the choice, it shows how often diagnoses
 * are right. A choice does not depend on it.
 */
async function statedNow(
  { tasks, diagnoser, runtime }: Services,
  { id, step }: { readonly id: string; readonly step: string },
  { caller, signal }: Call,
): Promise<Stated> {
  const { taskId, definitionHash, namespace } = await tasks.find(id, caller);
  const { namespaces } = caller;
  const about = { taskId, definitionHash, namespace, step, namespaces, signal };
  const stated = diagnoser.diagnose(about).then(
    ({ failure_type, confidence }) => ({ diagnosed: failure_type, confidence }),
    () => ({}),
  );
  return await Promise.race([stated, wait(runtime, STATED_MS_MAX).then(() => ({}))]);
}

/** Sends the command of a request to its task, when the caller may see the task. */
async function send<Name extends CommandName>(
  { tasks, sink, runtime, log }: Services,
  operation: Name,
  input: CommonInput & CommandInput<Name>,
  call: Call,
  stated: Stated = {},
) {
  const { caller } = call;
  const { by, reason = "", name, step } = input;
  const { taskId, namespace, workflow } = await tasks.find(input.id, caller);
  if (operation === "sendSignal") {
    refuseIncident(`${namespace}/${workflow}`, "approve or reject its proposal instead");
  }
  const about = [ID_NAMES[operation], name ?? step].filter((part) => part !== undefined);
  const made = TASK_COMMANDS[operation](input, {
    commandId: commandIdOf(runtime, call, about.join(":"), taskId),
    taskId,
    by: caller.signature(by),
    reason,
  });
  const command = { ...made, ...stated };
  const { turn, changed } = await sink.send(command);
  log.info("Took a command", { taskId, kind: command.kind, keyId: caller.keyId, changed });
  return { status: 202, body: { id: taskId, turn, changed } } as const;
}
