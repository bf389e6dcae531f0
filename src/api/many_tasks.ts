/** Handlers of all tasks that a filter finds: counts, and changes, each by its own command. */

import type { OutsideCommand } from "../core/command.ts";
import { decide } from "../core/decide.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { Plan } from "../core/plan.ts";
import type { TaskFilter, TaskSummary } from "../core/ports.ts";
import { LABELLED_MAX, readLabels } from "../core/search.ts";
import { isDelivery } from "../core/webhook.ts";
import { isTerminal, TASK_STATES, type TaskState, type TaskStateName } from "../core/state.ts";
import type { MANY_TASKS } from "../operations/many_tasks.ts";
import type { ParsedOf, ResultOf } from "../operations/operation.ts";
import { type CommandBase, type CommandName, TASK_COMMANDS } from "../operations/task_commands.ts";
import { badRequest, type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";
import { operatingError, problemOf } from "./response.ts";
import type { TaskReader } from "./task_reader.ts";
import { filterOf, whereNext } from "./tasks.ts";

type Input = ParsedOf<typeof MANY_TASKS["changeTasks"]>;
type Answer = ResultOf<typeof MANY_TASKS["changeTasks"]>;
type Refused = Answer["refused"][number];

/** The command of each action, and the tasks that it may change. */
const ACTIONS: Readonly<
  Record<Input["action"], { readonly command: CommandName; readonly states?: TaskStateName[] }>
> = {
  retry: { command: "retryStep" },
  resolve: { command: "resolveStep" },
  skip: { command: "skipStep" },
  choose: { command: "chooseStep" },
  cancel: { command: "cancelTask" },
  pause: { command: "pauseTask", states: ["running", "waiting", "blocked"] },
  resume: { command: "resumeTask", states: ["paused"] },
};

const NOT_ENDED = TASK_STATES.filter((state) => !isTerminal(state));

/** Handlers of counts and of bulk changes. */
export function manyTaskHandlers(services: Services): Handlers<typeof MANY_TASKS> {
  const { history } = services;
  return {
    async countTasks(input, { caller }) {
      const filter = filterOf({ ...input, limit: 1 }, caller.namespaces);
      return { status: 200, body: { states: await history.counts(filter) } };
    },
    async changeTasks(input, call) {
      demandWhole(input);
      const found = await history.tasks(filterOfBulk(input, call));
      const answer = await changeAll(services, { input, tasks: found.tasks, call });
      return { status: 200, body: { ...answer, ...whereNext(found.next) } };
    },
  };
}

/** @throws {TaskerError} api.bad_request when the action lacks what it needs */
function demandWhole({ action, result, choice }: Input): void {
  if (action === "resolve" && result === undefined) {
    throw badRequest('Cannot resolve steps: "result" is missing, expected what they end with');
  }
  if (action === "choose" && choice === undefined) {
    throw badRequest('Cannot choose for steps: "choice" is missing, such as "retry"');
  }
}

/** What the filter asks for, as far as the action can change it; Tasker's own tasks only by name. */
function filterOfBulk(input: Input, { caller }: Call): TaskFilter {
  const filter = filterOf(input, caller.namespaces);
  const { command, states = NOT_ENDED } = ACTIONS[input.action];
  const asked = filter.states?.filter((state) => states.includes(state)) ?? states;
  if (!command.endsWith("Step")) return { ...filter, states: asked };
  const labels = [input.step === undefined ? ["needs:choice"] : [`parked:${input.step}`]];
  return { ...filter, states: asked, labels: [...filter.labels ?? [], ...labels] };
}

async function changeAll(
  services: Services,
  { input, tasks, call }: {
    readonly input: Input;
    readonly tasks: readonly TaskSummary[];
    readonly call: Call;
  },
): Promise<Omit<Answer, "nextCursor" | "searchedTo">> {
  const isAboutSteps = ACTIONS[input.action].command.endsWith("Step");
  const isAll = isAboutSteps && input.step === undefined;
  const parts: Part[] = [];
  for (const task of tasks) {
    const steps = isAll ? await parkedSteps(services, task) : [input.step];
    parts.push(...steps.map((step) => ({ task, step })));
  }
  const of = { input, call };
  const counts = { tasks: tasks.length, commands: parts.length };
  if (input.dryRun) {
    return { ...counts, changed: 0, unchanged: 0, refused: await foreseen(services, parts, of) };
  }
  const ends = await Promise.all(
    parts.map((part) => tried(services, part, () => change(services, part, of))),
  );
  return {
    ...counts,
    changed: ends.filter((end) => end === true).length,
    unchanged: ends.filter((end) => end === false).length,
    refused: ends.filter((end) => typeof end === "object"),
  };
}

/** One command of a page: about a task, or a step of it. */
interface Part {
  readonly task: TaskSummary;
  readonly step: string | undefined;
}

/** What a page is asked for, and by whom. */
interface Asked {
  readonly input: Input;
  readonly call: Call;
}

/** Actions that are refused by what a task is; the others only by how it changes meanwhile. */
const DECIDED_BY_STATE: readonly Input["action"][] = ["resolve", "skip", "choose"];

/** What would be refused if it were sent now. One task after the other: each may be read whole, once. */
async function foreseen(
  services: Services,
  parts: readonly Part[],
  of: Asked,
): Promise<readonly Refused[]> {
  const isDecided = DECIDED_BY_STATE.includes(of.input.action);
  const refused: Refused[] = [];
  for (const [task, ofTask] of Map.groupBy(parts, (part) => part.task)) {
    let read: ReturnType<TaskReader["stateOf"]> | undefined;
    for (const part of ofTask) {
      const end = await tried(services, part, async () => {
        const command = commandOf(services, part, of);
        if (!isDecided) return;
        read ??= services.tasks.stateOf(task);
        demandAccepted(services, command, await read);
      });
      if (typeof end === "object") refused.push(end);
    }
  }
  return refused;
}

/** @throws {TaskerError} what the command would be refused for */
function demandAccepted(
  { policyOf, runtime }: Services,
  command: OutsideCommand,
  { plan, state }: { readonly plan: Plan; readonly state: TaskState },
): void {
  const { taskId } = command;
  const decision = decide(state, command, {
    plan,
    nowMs: runtime.now(),
    policyVersion: 0,
    policyOf: (step) => policyOf({ plan, taskId }, step),
  });
  if (decision.kind === "refused") throw decision.error;
}

/** Every step that is parked: labels have the first of them. */
async function parkedSteps(
  { tasks }: Services,
  task: TaskSummary,
): Promise<readonly string[]> {
  const labelled = readLabels(task.labels).parkedSteps;
  if (labelled.length < LABELLED_MAX) return labelled;
  const { plan, state } = await tasks.stateOf(task);
  return plan.steps.filter(({ index }) => state.steps[index]?.state === "parked")
    .map(({ name }) => name);
}

/** Sends one command; returns whether it changed anything. */
async function change(services: Services, part: Part, of: Asked): Promise<boolean> {
  const { changed } = await services.sink.send(commandOf(services, part, of));
  return changed;
}

/** What one command is refused for concerns no other. */
async function tried<T>(
  services: Services,
  { task: { taskId }, step }: Part,
  run: () => Promise<T>,
): Promise<T | Refused> {
  try {
    return await run();
  } catch (thrown) {
    const place = { route: "/v1/tasks/bulk", task: taskId };
    const problem = problemOf(operatingError(thrown), services, place);
    return { id: taskId, ...(step !== undefined && { step }), problem };
  }
}

/** @throws {TaskerError} api.bad_request for a task of Tasker's own */
function commandOf(
  services: Services,
  { task: { taskId, namespace, workflow }, step }: Part,
  { input, call }: Asked,
) {
  if (namespace === OWN_NAMESPACE && !isDelivery(namespace, workflow)) {
    throw badRequest("Cannot change Tasker's own task among others: name it by its id");
  }
  const { action, by, reason, result, choice = "" } = input;
  const about = ["bulk", action, ...(step === undefined ? [] : [step])];
  const base: CommandBase = {
    commandId: commandIdOf(services.runtime, call, about.join(":"), taskId),
    taskId,
    by: call.caller.signature(by),
    reason,
  };
  const { command } = ACTIONS[action];
  const given = { step: step ?? "", result, choice, cause: undefined, name: "", payload: null };
  return TASK_COMMANDS[command](given, base);
}
