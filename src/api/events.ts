/** Handlers of events from outside: each trigger that takes an event starts a task, or signals one. */

import type { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import { FairQueue } from "../core/fair_queue.ts";
import { faultsOf } from "../core/faults.ts";
import { isTaskId, parseTaskId, type TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { TaskFilter } from "../core/ports.ts";
import { readCondition } from "../core/search.ts";
import {
  readSignature,
  readSignedEvent,
  SIGNATURE_SCHEMES,
  type SignatureScheme,
} from "../core/signed_event.ts";
import { isTerminal, TASK_STATES } from "../core/state.ts";
import {
  mapEvent,
  mapEventText,
  OutsideEvent,
  takes,
  type Trigger,
  triggerTag,
} from "../core/trigger.ts";
import type { ParsedOf, ResultOf } from "../operations/operation.ts";
import type { TRIGGERS } from "../operations/triggers.ts";
import { traceparentOf } from "../telemetry/trace.ts";
import { Caller, NOBODY } from "./access.ts";
import { badRequest, type Call, type Handlers, type Services } from "./handler.ts";
import { parseBody, unreadable } from "./request.ts";
import { operatingError, problemOf } from "./response.ts";

type SendEvents = typeof TRIGGERS["sendEvents"];
type Entry = ParsedOf<SendEvents>["events"][number];
type EventAnswer = ResultOf<SendEvents>["events"][number];
type Fired = EventAnswer["triggers"][number];

/** Whoever sends to one trigger, signed or not, holds up no other trigger. */
const CHECKS = {
  name: "check the signature",
  placesMax: 4,
  countPerOwnerMax: 1_000,
  bytesPerOwnerMax: 16 * 1024 * 1024,
  bytesMax: 64 * 1024 * 1024,
};

/** Tasks that have not ended. */
const OPEN = TASK_STATES.filter((state) => !isTerminal(state));

/** One trigger, and what it takes. */
interface Firing {
  readonly namespace: string;
  readonly name: string;
  readonly trigger: Trigger;
  readonly event: OutsideEvent;
  /** The same for a repeated event. */
  readonly key: string;
  readonly traceparent: string | undefined;
}

/** Handlers of events from outside. */
export function eventHandlers(
  services: Services,
): Pick<Handlers<typeof TRIGGERS>, "sendEvents" | "sendSignedEvent"> {
  const senders = new Senders(services);
  return {
    async sendSignedEvent({ namespace, trigger: name }, call) {
      const { trigger, event } = await senders.read({ namespace, name }, call);
      const signIn = { caller: new Caller({ ...NOBODY.key, name: `${namespace}/${name}` }) };
      if (!takes(trigger, event)) return { status: 200, body: { outcome: "unmatched" }, signIn };
      const { traceparent } = call;
      const firing = firingOf(services, { namespace, name, trigger, event, traceparent });
      return { status: 200, body: await deedOf(services, firing), signIn };
    },
    async sendEvents({ events, namespace: asked }, call) {
      const namespace = namespaceFor(asked, call.caller);
      const answers: EventAnswer[] = [];
      // One after the other: an event may signal the task that the one before has started.
      for (const [at, entry] of events.entries()) {
        answers.push(await take(services, { entry, at, namespace }, call));
      }
      return { status: 200, body: { namespace, events: answers } };
    },
  };
}

/** @throws {TaskerError} api.bad_request, api.forbidden */
function namespaceFor(asked: string | undefined, caller: Caller): string {
  const [only, ...others] = caller.namespaces ?? [];
  const namespace = asked ?? (others.length === 0 ? only : undefined);
  if (namespace === undefined) {
    throw badRequest(
      "Cannot take the events: the key covers several namespaces; name one as `namespace` " +
        "(`?namespace=shop`, on the command line `--namespace shop`)",
    );
  }
  caller.demandNamespace(namespace);
  return namespace;
}

/** Takes one event; it throws only when the triggers cannot be read. */
async function take(
  services: Services,
  { entry, at, namespace }: {
    readonly entry: Entry;
    readonly at: number;
    readonly namespace: string;
  },
  { traceparent }: Pick<Call, "traceparent">,
): Promise<EventAnswer> {
  const event = readEvent(entry);
  if (event instanceof TaskerError) {
    const problem = problemOf(event, services, { route: "/v1/events", event: at });
    return { outcome: "refused", triggers: [], sendAgain: false, problem };
  }
  const taking = [...await services.triggers.recent(namespace)]
    .filter(([, trigger]) => trigger.signed === undefined && takes(trigger, event));
  const fired = await Promise.all(
    taking.map(([name, trigger]) =>
      fire(services, firingOf(services, { namespace, name, trigger, event, traceparent }))
    ),
  );
  return {
    id: event.id,
    outcome: fired.length === 0 ? "unmatched" : "taken",
    triggers: fired.map(({ answer }) => answer),
    sendAgain: fired.some(({ isTemporary }) => isTemporary),
  };
}

function firingOf({ runtime }: Services, firing: Omit<Firing, "key">): Firing {
  const { name, event: { source = "", id } } = firing;
  return { ...firing, key: `event:${name}:${runtime.digest(JSON.stringify([source, id]))}` };
}

/** Senders without a key: whether an event is signed as its trigger says. */
class Senders {
  readonly #checks = new FairQueue(CHECKS);

  constructor(private readonly services: Services) {}

  /**
   * Reads an event. Whoever cannot sign does not learn whether the trigger is there.
   *
   * @throws {TaskerError} event.not_signed, api.busy, egress.unavailable, api.bad_request, payload.too_large
   */
  async read(
    { namespace, name }: Pick<Firing, "namespace" | "name">,
    call: Call,
  ): Promise<{ readonly trigger: Trigger; readonly event: OutsideEvent }> {
    const trigger = (await this.services.triggers.recent(namespace)).get(name);
    const body = await call.readText();
    const owner = `${namespace}/${name}`;
    const signed = trigger?.signed;
    // Also where there is no such trigger: an answer that came sooner would say so.
    const isSigned = await this.#isSigned(signed, call, { owner, body });
    if (trigger === undefined || signed === undefined || !isSigned) {
      this.services.metrics.counter("tasker_auth_refused_total", "not_signed").add();
      throw new TaskerError(
        "event.not_signed",
        `Cannot take the event: no trigger "${owner}" takes one that is signed so`,
      );
    }
    const { scheme } = signed;
    const source = `/v1/events/${owner}`;
    const read = readSignedEvent(scheme, { header: call.header, body: parseBody(body), source });
    const event = readEvent(entryOf(read));
    if (event instanceof TaskerError) throw event;
    return { trigger, event };
  }

  async #isSigned(
    signed: Trigger["signed"],
    { header }: Call,
    { owner, body }: { readonly owner: string; readonly body: string },
  ): Promise<boolean> {
    const { runtime, signatures } = this.services;
    const read = (scheme: SignatureScheme) =>
      readSignature(scheme, { header, body }, runtime.now());
    const asked = signed && read(signed.scheme);
    const any = asked ?? SIGNATURE_SCHEMES.map(read).find((one) => one !== undefined);
    if (any === undefined) return false;
    const isRight = await this.#checks.run(
      { owner: signed === undefined ? "" : owner, bytes: body.length },
      () => signatures.isSigned({ ...any, secret: signed?.secret ?? "" }),
    );
    return asked !== undefined && isRight;
  }
}

function entryOf(read: object): Entry {
  const { data, error } = OutsideEvent.safeParse(read);
  return data ?? { faults: faultsOf(error as z.ZodError, "") };
}

/** Reads an event, or says why it cannot be kept. */
function readEvent(entry: Entry): OutsideEvent | TaskerError {
  try {
    if (isUnreadable(entry)) return unreadable("event", entry.faults);
    encodePayload(entry, "the event");
    return entry;
  } catch (thrown) {
    return operatingError(thrown);
  }
}

function isUnreadable(
  entry: Entry,
): entry is Extract<Entry, { readonly faults: readonly unknown[] }> {
  return !("id" in entry);
}

/** What one trigger does fails for itself alone. */
async function fire(
  services: Services,
  firing: Firing,
): Promise<{ readonly answer: Fired; readonly isTemporary: boolean }> {
  const { name, namespace } = firing;
  try {
    const answer = { trigger: name, ...await deedOf(services, firing) };
    return { answer, isTemporary: false };
  } catch (thrown) {
    const error = operatingError(thrown);
    const place = { route: "/v1/events", trigger: `${namespace}/${name}` };
    const problem = problemOf(error, services, place);
    return {
      answer: { trigger: name, outcome: "refused", problem },
      isTemporary: error.retry !== "never",
    };
  }
}

/** Does what a trigger does with an event that it takes. */
async function deedOf(services: Services, firing: Firing) {
  const { start, signal } = firing.trigger;
  return start !== undefined
    ? { outcome: "started" as const, task: await startBy(services, firing, start) }
    : { outcome: "signalled" as const, task: await signalBy(services, firing, signal) };
}

/** The key belongs to one task of the namespace: the journal answers a repeat with that task. */
async function startBy(
  { starter }: Services,
  { namespace, name, event, key, traceparent }: Firing,
  { workflow, input, tags, priority }: NonNullable<Trigger["start"]>,
): Promise<TaskId> {
  const trace = traceparentOf() ?? traceparent;
  const { taskId } = await starter.start({
    workflow,
    input: mapEvent(input, event, "the input"),
    tags: [triggerTag(name), ...tags.map((tag) => mapEventText(tag, event, "a tag"))],
    commandId: `${namespace}:${key}`,
    key,
    ...(priority !== undefined && { priority }),
    ...(trace !== undefined && { traceparent: trace }),
  });
  return taskId;
}

/** The command id is kept with the task: a repeat gets the answer of the first. */
async function signalBy(
  services: Services,
  firing: Firing,
  signal: Trigger["signal"],
): Promise<TaskId> {
  if (signal === undefined) {
    throw new TaskerError("trigger.invalid", "Cannot fire the trigger: it does nothing");
  }
  const { event, key } = firing;
  const payload = mapEvent(signal.payload, event, "the payload");
  const taskId = await taskOf(services, firing, signal);
  await services.sink.send({
    kind: "SendSignal",
    commandId: key,
    taskId,
    name: signal.name,
    payload: encodePayload(payload, `the payload of signal "${signal.name}"`),
  });
  return taskId;
}

/** Finds the one task that is meant; no other workflow's task is signalled. */
async function taskOf(
  { tasks, history }: Services,
  { namespace, event }: Firing,
  { workflow, task, tag, attribute }: NonNullable<Trigger["signal"]>,
): Promise<TaskId> {
  if (task !== undefined) {
    const id = mapEventText(task, event, "the id of the task");
    const found = isTaskId(id) ? await tasks.findAny(id) : undefined;
    if (found !== undefined && `${found.namespace}/${found.workflow}` === workflow) {
      return found.taskId;
    }
    parseTaskId(id);
    throw new TaskerError("task.not_found", `Cannot find task "${id}" of "${workflow}"`);
  }
  const { what, labels } = attribute === undefined
    ? tagged(mapEventText(tag ?? "", event, "the tag"))
    : valued(attribute.name, mapEventText(attribute.value, event, "the value"));
  const of: TaskFilter = { namespaces: [namespace], workflow, ...labels, limit: 2 };
  const [open, another] = (await history.tasks({ ...of, states: OPEN })).tasks;
  if (another !== undefined) {
    throw new TaskerError(
      "trigger.ambiguous",
      `Cannot signal a task of "${workflow}" with ${what}: there are several that have not ended`,
    );
  }
  // A repeat may find that its task has ended by what the first one brought.
  const found = open ?? (await history.tasks({ ...of, limit: 1 })).tasks[0];
  if (found !== undefined) return found.taskId;
  throw new TaskerError("task.not_found", `Cannot find a task of "${workflow}" with ${what}`);
}

function tagged(tag: string) {
  return { what: `the tag "${tag.slice(0, 128)}"`, labels: { tags: [tag] } };
}

function valued(name: string, value: string) {
  const condition = `${name}=${value}`;
  const labels = readCondition(condition)?.labels ?? [];
  return { what: condition.slice(0, 128), labels: { labels } };
}
