/** Sends deliveries of webhooks again: the same events, under the ids that their receiver knows. */

import type { Command } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import { decodePayload } from "../core/payload.ts";
import type { TaskSummary } from "../core/ports.ts";
import { deliveryCommand, eventId, type Webhook, webhookWorkflow } from "../core/webhook.ts";
import type { ParsedOf } from "../operations/operation.ts";
import type { WEBHOOKS } from "../operations/webhooks.ts";
import { badRequest, type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";
import { filterOf, whereNext } from "./tasks.ts";
import { findWebhook } from "./webhooks.ts";

/** The tag of a delivery that was sent again. */
const RESENT = "resent";

type Input = ParsedOf<typeof WEBHOOKS["resendDeliveries"]>;

/** The handler of `webhooks resend`. */
export function resendHandlers(
  services: Services,
): Pick<Handlers<typeof WEBHOOKS>, "resendDeliveries"> {
  return {
    async resendDeliveries(input, call) {
      call.caller.demandEverything("webhooks");
      const webhook = await findWebhook(services, input.name);
      const { tasks, ...next } = await deliveriesOf(services, input, call);
      const commands: Command[] = [];
      for (const task of input.dryRun ? [] : tasks) {
        commands.push(await resendOf(services, task, { webhook, input, call }));
      }
      const ends = await Promise.all(commands.map((command) => services.sink.send(command)));
      return {
        status: 200,
        body: {
          found: tasks.length,
          sent: ends.flatMap(({ taskId, changed }) => changed ? [taskId] : []),
          sentBefore: ends.filter(({ changed }) => !changed).length,
          ...next,
        },
      };
    },
  };
}

/** The one that is named, or a page of those that were given up. */
async function deliveriesOf(services: Services, input: Input, { caller }: Call) {
  const { name, delivery, since, until, limit, cursor } = input;
  if ((delivery === undefined) === (since === undefined)) {
    throw badRequest(
      `Cannot send deliveries of "${name}" again: expected one of delivery and since`,
    );
  }
  const workflow = webhookWorkflow(name);
  if (delivery !== undefined) {
    const task = await services.tasks.find(delivery, caller);
    if (`${task.namespace}/${task.workflow}` === workflow) return { tasks: [task] };
    throw new TaskerError("task.not_found", `Cannot find delivery "${delivery}" of "${name}"`);
  }
  const times = { endedSince: since, ...(until !== undefined && { endedUntil: until }) };
  const asked = { workflow, state: ["failed" as const], ...times, limit };
  const filter = filterOf({ ...asked, ...(cursor !== undefined && { cursor }) }, caller.namespaces);
  const { tasks, next } = await services.history.tasks(filter);
  return { tasks, ...whereNext(next) };
}

/** The command that starts a delivery again. One that is named is sent whenever asked; of many, each once. */
async function resendOf(
  { history, runtime, sink }: Services,
  { taskId, tags }: TaskSummary,
  { webhook, input: { name, delivery }, call }: {
    readonly webhook: Webhook;
    readonly input: Input;
    readonly call: Call;
  },
): Promise<Command> {
  const { turns: [first] } = await history.turns(taskId, 0, 1);
  const [started] = first?.events ?? [];
  if (started?.kind !== "TaskStarted") {
    throw new TaskerError("task.not_found", `Cannot read delivery "${taskId}": it has no journal`);
  }
  const key = delivery === undefined
    ? `webhook:${name}:again:${taskId}`
    : commandIdOf(runtime, call, "resend", taskId);
  return deliveryCommand(name, webhook, {
    taskId: sink.mintTaskId(),
    key,
    tags: [...new Set([...tags, RESENT])],
    // What was started by an earlier version has no id of its own.
    body: { id: eventId(taskId), ...decodePayload(started.input) as object },
  }).command;
}
