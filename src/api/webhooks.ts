/** Handlers of webhooks: what is sent where, and how that goes. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { PolicyOverlay, TaskFilter } from "../core/ports.ts";
import { readLabels } from "../core/search.ts";
import {
  deliveryCommand,
  eventBody,
  type Webhook,
  webhookDefinition,
  WEBHOOKS_MAX,
  WEBHOOKS_NAME,
  webhooksOf,
  webhookWorkflow,
} from "../core/webhook.ts";
import { timeText } from "../operations/schema.ts";
import type { WEBHOOKS } from "../operations/webhooks.ts";
import type { Caller } from "./access.ts";
import { badRequest, commandIdOf, type Handlers, type Services } from "./handler.ts";

/** What a person changes, and why. */
interface Change {
  readonly caller: Caller;
  readonly by?: string | undefined;
  readonly reason?: string;
}

/** Handlers of everything that can be asked of webhooks. */
export function webhookHandlers(
  services: Services,
): Omit<Handlers<typeof WEBHOOKS>, "resendDeliveries"> {
  const { runtime, sink, log } = services;
  const turn = async (name: string, isEnabled: boolean, change: Change) => {
    const stored = await changed(services, change, (webhooks) => {
      return new Map(webhooks).set(name, { ...demand(webhooks, name), isEnabled });
    });
    return { status: 200, body: await documentOf(services, name, demand(stored, name)) } as const;
  };
  return {
    async listWebhooks(_input, { caller }) {
      caller.demandEverything("webhooks");
      const { webhooks } = await read(services);
      const body: Awaited<ReturnType<typeof documentOf>>[] = [];
      for (const [name, webhook] of webhooks) body.push(await documentOf(services, name, webhook));
      return { status: 200, body: { webhooks: body } };
    },
    async putWebhook({ name, by, reason, ...fields }, { caller }) {
      const made = await withDefinition(services, name, fields);
      const stored = await changed(services, { caller, by, reason }, (webhooks) => {
        if (webhooks.size >= WEBHOOKS_MAX && !webhooks.has(name)) {
          throw badRequest(
            `Cannot add webhook "${name}": there are ${WEBHOOKS_MAX}, expected fewer; remove one first`,
          );
        }
        return new Map(webhooks).set(name, made);
      });
      log.info("Set a webhook", { webhook: name, keyId: caller.keyId });
      return { status: 200, body: await documentOf(services, name, demand(stored, name)) };
    },
    enableWebhook: ({ name, ...why }, { caller }) => turn(name, true, { caller, ...why }),
    disableWebhook: ({ name, ...why }, { caller }) => turn(name, false, { caller, ...why }),
    async removeWebhook({ name }, { caller }) {
      await changed(services, { caller, reason: `removes ${name}` }, (webhooks) => {
        demand(webhooks, name);
        const left = new Map(webhooks);
        left.delete(name);
        return left;
      });
      log.info("Removed a webhook", { webhook: name, keyId: caller.keyId });
      return { status: 204 };
    },
    async testWebhook({ name }, call) {
      const type = "webhook.test";
      call.caller.demandEverything("webhooks");
      const webhook = await findWebhook(services, name);
      const delivery = sink.mintTaskId();
      const { command } = deliveryCommand(name, webhook, {
        taskId: delivery,
        key: commandIdOf(runtime, call, "webhook", name),
        tags: [type],
        body: eventBody(delivery, { type, nowMs: runtime.now(), data: { webhook: name } }),
      });
      const { taskId } = await sink.send(command);
      return { status: 202, body: { id: taskId } };
    },
  };
}

/** Finds a webhook as it is now. */
export async function findWebhook(
  services: Pick<Services, "policies">,
  name: string,
): Promise<Webhook> {
  return demand((await read(services)).webhooks, name);
}

async function read({ policies }: Pick<Services, "policies">) {
  const overlay = (await policies.newest()).get(`${OWN_NAMESPACE}/${WEBHOOKS_NAME}`);
  return { version: overlay?.version ?? 0, webhooks: webhooksOf(overlay) };
}

function demand(webhooks: ReadonlyMap<string, Webhook>, name: string): Webhook {
  const webhook = webhooks.get(name);
  if (webhook !== undefined) return webhook;
  throw new TaskerError("webhook.not_found", `Cannot find webhook "${name}"`);
}

/** Puts what `change` makes of the webhooks, unless somebody else has changed them since. */
async function changed(
  services: Services,
  { caller, by, reason = "" }: Change,
  change: (webhooks: ReadonlyMap<string, Webhook>) => ReadonlyMap<string, Webhook>,
): Promise<ReadonlyMap<string, Webhook>> {
  caller.demandEverything("webhooks");
  const { version, webhooks } = await read(services);
  const next = new Map([...change(webhooks)].toSorted(([one], [other]) => one < other ? -1 : 1));
  // An overlay holds any values by name; these are read by `webhooksOf` alone.
  const steps = Object.fromEntries(next) as PolicyOverlay["steps"];
  const { runtime } = services;
  await services.policies.put(
    OWN_NAMESPACE,
    WEBHOOKS_NAME,
    { by: caller.signature(by), reason, atMs: runtime.now(), steps },
    version,
  );
  return next;
}

/** Keeps the definition of a webhook's deliveries, which any node can then read. */
async function withDefinition(
  { runtime, definitions, hashOf, whyNotCalled }: Services,
  name: string,
  fields: Omit<Webhook, "version" | "hash">,
): Promise<Webhook> {
  const { secret } = fields;
  const url = templateFree(fields.url);
  const why = whyNotCalled(url, secret);
  if (why !== undefined) throw badRequest(`Cannot set webhook "${name}": ${why}`);
  const unnamed = webhookDefinition(name, { url, secret, version: "" });
  const version = runtime.digest(JSON.stringify(unnamed)).slice(0, 12);
  const definition = { ...unnamed, version };
  const hash = hashOf(definition);
  await definitions.put(hash, definition);
  return { ...fields, url, version, hash };
}

/** In the request of a step, `${` begins a reference. */
function templateFree(text: string): string {
  try {
    return new URL(text).href.replaceAll("${", "%24{");
  } catch (error) {
    throw badRequest(`Cannot read the URL: ${messageOf(error)}`);
  }
}

/** A webhook, and what the tasks of its deliveries say. */
async function documentOf({ history }: Services, name: string, webhook: Webhook) {
  const { url, secret, isEnabled } = webhook;
  const workflow = webhookWorkflow(name);
  const of: TaskFilter = { namespaces: undefined, workflow, limit: 1 };
  const newest = async (state: "completed" | "failed") =>
    (await history.tasks({ ...of, states: [state] })).tasks[0];
  const counts = await history.counts(of);
  const [delivered, failed] = [await newest("completed"), await newest("failed")];
  const code = failed && readLabels(failed.labels).errorCodes[0];
  const at = (ms: number | undefined) => ms === undefined ? undefined : timeText(ms);
  const [lastDeliveredAt, lastFailedAt] = [at(delivered?.endedAtMs), at(failed?.endedAtMs)];
  const none = { count: 0, isExact: true };
  const open = (["running", "waiting", "blocked", "paused"] as const).map((state) =>
    counts[state] ?? none
  );
  return {
    name,
    ...{ url, secret, isEnabled },
    events: [...webhook.events],
    workflows: [...webhook.workflows],
    deliveriesWorkflow: workflow,
    waiting: {
      count: open.reduce((sum, { count }) => sum + count, 0),
      isExact: open.every(({ isExact }) => isExact),
    },
    delivered: counts.completed ?? none,
    failed: counts.failed ?? none,
    ...(lastDeliveredAt !== undefined && { lastDeliveredAt }),
    ...(lastFailedAt !== undefined && { lastFailedAt }),
    ...(code !== undefined && { lastErrorCode: code }),
  };
}
