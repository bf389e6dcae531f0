/** Handlers of triggers: which events from outside start tasks, or signal them. */

import { TaskerError } from "../core/errors.ts";
import {
  type Trigger,
  type TriggerRule,
  TRIGGERS_MAX,
  TRIGGERS_PER_TYPE_MAX,
  workflowOf,
} from "../core/trigger.ts";
import { timeText } from "../operations/schema.ts";
import type { TRIGGERS } from "../operations/triggers.ts";
import { type Caller, demandStartable } from "./access.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";

type Triggers = ReadonlyMap<string, Trigger>;

/** Which trigger is changed, by whom, and why. */
interface Change {
  readonly namespace: string;
  readonly trigger: string;
  readonly by?: string | undefined;
  readonly reason: string;
}

/** Handlers of everything that is declared of triggers. */
export function triggerHandlers(
  services: Services,
): Omit<Handlers<typeof TRIGGERS>, "sendEvents" | "sendSignedEvent"> {
  const turn = async (input: Change, isEnabled: boolean, caller: Caller) => {
    const after = await change(services, input, caller, (before, signed) => {
      return new Map(before).set(input.trigger, { ...demand(before, input), isEnabled, ...signed });
    });
    return { status: 200, body: documentOf(services, input, demand(after, input)) } as const;
  };
  return {
    async listTriggers(_input, { caller }) {
      const seen = [...await services.triggers.fresh()]
        .filter(([namespace]) => caller.covers(namespace))
        .toSorted(([one], [other]) => one < other ? -1 : 1);
      const body = seen.flatMap(([namespace, { triggers }]) =>
        [...triggers].map(([trigger, kept]) => documentOf(services, { namespace, trigger }, kept))
      );
      return { status: 200, body: { triggers: body } };
    },
    async putTrigger({ namespace, trigger, by, reason, ...fields }, { caller }) {
      const input = { namespace, trigger, by, reason };
      caller.demandNamespace(namespace);
      demandRule(input, fields, caller);
      const { signed } = fields;
      const why = signed && services.whyNotCalled(undefined, signed.secret);
      if (why !== undefined) {
        throw badRequest(`Cannot set trigger "${namespace}/${trigger}": ${why}`);
      }
      services.checkTrigger(`${namespace}/${trigger}`, fields);
      const after = await change(services, input, caller, (before, signed) => {
        const next = new Map(before).set(trigger, { ...fields, ...signed });
        demandRoom(namespace, next, fields.type);
        return next;
      });
      return { status: 200, body: documentOf(services, input, demand(after, input)) };
    },
    enableTrigger: (input, { caller }) => turn(input, true, caller),
    disableTrigger: (input, { caller }) => turn(input, false, caller),
    async removeTrigger(params, { caller }) {
      const input = { ...params, reason: `removes ${params.trigger}` };
      await change(services, input, caller, (before) => {
        demand(before, input);
        const left = new Map(before);
        left.delete(input.trigger);
        return left;
      });
      return { status: 204 };
    },
  };
}

/** Changes the triggers of a namespace; to a key, those of namespaces that it does not cover do not exist. */
async function change(
  { triggers, runtime, log }: Services,
  { namespace, trigger, by, reason }: Change,
  caller: Caller,
  next: (before: Triggers, signed: Pick<Trigger, "by" | "atMs">) => Triggers,
): Promise<Triggers> {
  if (!caller.covers(namespace)) throw notFound({ namespace, trigger });
  const signed = { by: caller.signature(by), atMs: runtime.now() };
  let after: Triggers = new Map();
  await triggers.change(namespace, { ...signed, reason }, (before) => {
    return after = next(before, signed);
  });
  log.info("Changed a trigger", { namespace, trigger, keyId: caller.keyId });
  return after;
}

/** What a trigger does later, its author may do now. */
function demandRule({ namespace, trigger }: Change, rule: TriggerRule, caller: Caller): void {
  const cannot = `Cannot set trigger "${namespace}/${trigger}"`;
  if ((rule.start === undefined) === (rule.signal === undefined)) {
    throw badRequest(`${cannot}: expected one of start and signal`);
  }
  const workflow = workflowOf(rule);
  if (demandStartable(workflow, caller) !== namespace) {
    throw badRequest(`${cannot}: "${workflow}" is of another namespace`);
  }
}

function demand(triggers: Triggers, about: Pick<Change, "namespace" | "trigger">): Trigger {
  const found = triggers.get(about.trigger);
  if (found === undefined) throw notFound(about);
  return found;
}

function notFound({ namespace, trigger }: Pick<Change, "namespace" | "trigger">): TaskerError {
  return new TaskerError("trigger.not_found", `Cannot find trigger "${namespace}/${trigger}"`);
}

/** Each event is compared with all triggers, and may start a task by each of its type. */
function demandRoom(namespace: string, triggers: Triggers, type: string): void {
  if (triggers.size > TRIGGERS_MAX) {
    throw badRequest(
      `Cannot add a trigger: namespace "${namespace}" has ${TRIGGERS_MAX}; remove one first`,
    );
  }
  const ofType = [...triggers.values()].filter((one) => one.type === type);
  if (ofType.length <= TRIGGERS_PER_TYPE_MAX) return;
  throw badRequest(
    `Cannot add a trigger: namespace "${namespace}" has ${TRIGGERS_PER_TYPE_MAX} that take ` +
      `events of type "${type}"; remove one first`,
  );
}

function documentOf(
  { whyNotCalled }: Services,
  { namespace, trigger: name }: Pick<Change, "namespace" | "trigger">,
  { atMs, ...trigger }: Trigger,
) {
  const { signed } = trigger;
  const why = signed && whyNotCalled(undefined, signed.secret);
  return {
    ...{ namespace, name, ...trigger, at: timeText(atMs) },
    ...(why !== undefined && { refusesAll: why }),
  };
}
