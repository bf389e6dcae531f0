/** Routes by hand: what people and programs ask of a running task. */

import { z } from "zod";
import type { OutsideCommand } from "../core/command.ts";
import type { ErrorCode } from "../core/errors.ts";
import { By, Name, Reason } from "../core/fields.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { Scope } from "../core/ports.ts";
import type { Caller } from "./access.ts";
import { commandIdOf } from "./command_id.ts";
import { type Asked, type Route, route } from "./route.ts";
import { named } from "./schema.ts";
import type { Services } from "./services.ts";
import { TaskParams } from "./tasks.ts";

const OperatorBody = named("Hand", z.strictObject({ by: By, reason: Reason }).prefault({}));

const ResolveBody = named(
  "Resolve",
  z.strictObject({
    by: By,
    reason: Reason,
    result: z.unknown().nonoptional().describe("Checked against the step's contract"),
  }),
);

const SkipBody = named(
  "Skip",
  z.strictObject({
    by: By,
    reason: Reason,
    result: z.unknown().optional().describe("Asked for when a later step needs it"),
  }).prefault({}),
);

const SignalBody = named("SignalPayload", z.unknown().describe("Checked against the contract"));

const Accepted = named(
  "Accepted",
  z.object({
    id: z.string(),
    turn: z.int().describe("The last turn of the state it was decided on, its own included"),
    changed: z.boolean().describe("False for what was so already; a repeat is told the same"),
  }),
);

const StepParams = z.strictObject({ id: z.string().max(64), step: Name });
const SignalParams = z.strictObject({ id: z.string().max(64), name: Name });

type OperatorAction = { by?: string | undefined; reason: string };
type Base = { commandId: string; taskId: TaskId; by: string; reason: string };

/** All routes that change a task which has been started. */
export function operatorActionRoutes(services: Services): readonly Route[] {
  return [
    taskHand(services, "cancel", "CancelTask", "Cancels a task; its running steps are told"),
    taskHand(services, "pause", "PauseTask", "Lets no step of a task start until it is resumed"),
    taskHand(services, "resume", "ResumeTask", "Lets a paused task go on"),
    signalRoute(services),
    retryRoute(services),
    resolveRoute(services),
    skipRoute(services),
  ];
}

function taskHand(
  services: Services,
  verb: "cancel" | "pause" | "resume",
  kind: "CancelTask" | "PauseTask" | "ResumeTask",
  summary: string,
): Route {
  return route({
    ...common(`${verb}Task`, `/v1/tasks/{id}/${verb}`, { summary, right: "operate" }),
    params: TaskParams,
    body: OperatorBody,
    handle: (asked) => send(services, asked, verb, (base) => ({ kind, ...base })),
  });
}

function signalRoute(services: Services): Route {
  return route({
    ...common("sendSignal", "/v1/tasks/{id}/signals/{name}", {
      summary: "Sends a signal; one that comes early is kept",
      right: "write",
      problems: ["signal.not_awaited", "contract.violation", "payload.too_large"],
    }),
    params: SignalParams,
    body: SignalBody,
    handle: (asked) => {
      const { params: { name }, body } = asked;
      const payload = encodePayload(body, `the payload of signal "${name}"`);
      return send(services, asked, `signal:${name}`, ({ commandId, taskId }) => ({
        kind: "SendSignal",
        commandId,
        taskId,
        name,
        payload,
      }));
    },
  });
}

function retryRoute(services: Services): Route {
  return route({
    ...common("retryStep", "/v1/tasks/{id}/steps/{step}/retry", {
      summary: "Tries a parked step again, at once",
      right: "operate",
      problems: STEP_PROBLEMS,
    }),
    params: StepParams,
    body: OperatorBody,
    handle: (asked) => {
      const { step } = asked.params;
      return send(
        services,
        asked,
        `retry:${step}`,
        (base) => ({ kind: "RetryStep", ...base, step }),
      );
    },
  });
}

function resolveRoute(services: Services): Route {
  return route({
    ...common("resolveStep", "/v1/tasks/{id}/steps/{step}/resolve", {
      summary: "Gives a parked step its result",
      right: "operate",
      problems: [...STEP_PROBLEMS, "contract.violation"],
    }),
    params: StepParams,
    body: ResolveBody,
    handle: (asked) => {
      const { params: { step }, body } = asked;
      const result = encodePayload(body.result, `the result of step "${step}"`);
      return send(
        services,
        asked,
        `resolve:${step}`,
        (base) => ({ kind: "ResolveStep", ...base, step, result }),
      );
    },
  });
}

function skipRoute(services: Services): Route {
  return route({
    ...common("skipStep", "/v1/tasks/{id}/steps/{step}/skip", {
      summary: "Goes on without a step",
      right: "operate",
      problems: [...STEP_PROBLEMS, "contract.violation"],
    }),
    params: StepParams,
    body: SkipBody,
    handle: (asked) => {
      const { params: { step }, body } = asked;
      const given = body.result === undefined
        ? {}
        : { result: encodePayload(body.result, `the result of step "${step}"`) };
      return send(
        services,
        asked,
        `skip:${step}`,
        (base) => ({ kind: "SkipStep", ...base, step, ...given }),
      );
    },
  });
}

const STEP_PROBLEMS: readonly ErrorCode[] = ["step.not_found", "step.not_parked"];

function common(
  name: string,
  path: string,
  of: { summary: string; right: Scope; problems?: readonly ErrorCode[] },
) {
  return {
    method: "POST",
    path,
    name,
    group: "tasks",
    summary: of.summary,
    right: of.right,
    repeat: "command",
    answers: { 202: { description: "Journaled", schema: Accepted } },
    problems: [
      "task.not_found",
      "task.id_invalid",
      "task.ended",
      "mailbox.full",
      "node.draining",
      ...of.problems ?? [],
    ],
  } as const;
}

/** Sends the command of a request to its task, when the caller may see the task. */
async function send(
  services: Services,
  asked: Asked<{ id: string }, unknown, unknown>,
  operation: string,
  make: (base: Base) => OutsideCommand,
) {
  const { caller, params } = asked;
  const { taskId } = await services.tasks.find(params.id, caller);
  const commandId = commandIdOf(services.runtime, asked, operation, taskId);
  const command = make({ commandId, taskId, ...operatorOf(asked.body, caller) });
  const { turn, changed } = await services.sink.send(command);
  services.log.info("Took a command", { taskId, kind: command.kind, keyId: caller.keyId, changed });
  return { status: 202, body: { id: taskId, turn, changed } };
}

function operatorOf(body: unknown, caller: Caller): { by: string; reason: string } {
  const { by, reason = "" } = (body ?? {}) as Partial<OperatorAction>;
  return { by: caller.signature(by), reason };
}
