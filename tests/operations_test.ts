/** The client and the API agree about every operation: both know how HTTP carries its input. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { readInput } from "../src/api/request.ts";
import { openClient } from "../src/client.ts";
import type { CallName, OperationInput } from "../src/client/documents.ts";
import type { Operation } from "../src/operations/operation.ts";
import { OPERATIONS } from "../src/operations/table.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";

const AT = "2026-01-01T00:00:00.000Z";
const ENVELOPE = { specversion: "1.0", id: "1", source: "/shop", type: "t", data: [1] } as const;

/** An input with every field of each operation; a new one needs one, too. */
/** Every field of a filter of tasks but the workflow. */
const FILTER = {
  version: "1.0.0",
  state: ["blocked", "failed"],
  tag: ["a&b=c", "d,e\\f"],
  where: ["region=eu", "total>=100"],
  failedStep: "pay",
  errorClass: "thrown",
  errorCode: "card_declined",
  needs: ["choice"],
  priority: 2,
  forkOf: "t",
  since: AT,
  until: AT,
  endedSince: AT,
  endedUntil: AT,
} as const;

const INPUTS: { readonly [Name in CallName]: Required<OperationInput<Name>> } = {
  startTask: {
    workflow: "shop/checkout",
    version: "1.0.0",
    input: { cents: 4200, note: "ü/?&" },
    tags: ["vip"],
    deadlineMs: 5,
    priority: 2,
    waitMs: 0,
  },
  startTasks: { tasks: [{ workflow: "shop/checkout", input: 1, tags: ["vip"], key: "order-1" }] },
  listTasks: {
    workflow: "shop/checkout",
    ...FILTER,
    limit: 3,
    cursor: "abc",
  },
  countTasks: { workflow: "shop/checkout", ...FILTER },
  changeTasks: {
    action: "resolve",
    workflow: "shop/checkout",
    ...FILTER,
    by: "ada",
    reason: "r",
    step: "pay",
    result: { ok: true },
    choice: "retry",
    dryRun: true,
    limit: 3,
    cursor: "abc",
  },
  forkTask: { id: "t", step: "s", version: "1.0.0", by: "ada", reason: "r", dryRun: true },
  getTask: { id: "t", waitMs: 0, sensitive: "hidden" },
  getJournal: { id: "t", afterTurn: 2, limit: 3, sensitive: "shown" },
  listStepLines: { id: "t", step: "s", attempt: 2, limit: 3, cursor: "s/2/3" },
  cancelTask: { id: "t", by: "ada", reason: "r" },
  pauseTask: { id: "t", by: "ada", reason: "r" },
  resumeTask: { id: "t", by: "ada", reason: "r" },
  sendSignal: { id: "t", name: "go", payload: [{ id: 1 }] },
  retryStep: { id: "t", step: "s", by: "ada", reason: "r" },
  resolveStep: { id: "t", step: "s", by: "ada", reason: "r", result: null },
  skipStep: { id: "t", step: "s", by: "ada", reason: "r", result: { ok: true } },
  diagnoseTask: { id: "t", step: "s", explain: "model" },
  chooseStep: {
    id: "t",
    step: "s",
    by: "ada",
    reason: "r",
    choice: "retry",
    result: null,
    cause: "timeout",
  },
  listWorkflows: {},
  listStartable: { workflow: "shop/checkout", limit: 3, cursor: "shop/checkout" },
  checkStart: { workflow: "shop/checkout", version: "1.0.0", input: { cents: 1 } },
  getWorkflow: { namespace: "shop", name: "checkout" },
  compareVersions: { namespace: "shop", name: "checkout", from: "1.0.0", to: "1.0.0+b" },
  checkDocument: { text: "name: a", format: "yaml", file: "a.yaml" },
  editDocument: {
    text: "name: a",
    format: "yaml",
    file: "a.yaml",
    edits: [{ kind: "unset", field: ["name"] }],
    as: "module",
  },
  getDirectory: {},
  deployWorkflow: { text: "name: checkout", file: "a.yaml", reason: "r", dryRun: true, force: "f" },
  revertWorkflow: { namespace: "shop", name: "checkout", to: "1.0.0", reason: "r", dryRun: true },
  workflowSource: { namespace: "shop", name: "checkout", version: "1.0.0" },
  deployHistory: { namespace: "shop", name: "checkout", limit: 3, cursor: 7 },
  listSystems: {},
  getSystem: { system: "inventory" },
  registerInstance: {
    system: "inventory",
    instance: "host-1",
    version: "1.4.0",
    capabilities: [{
      name: "stock.check",
      description: "Says what is in stock",
      version: "1.2.0",
      input: { type: "object" },
      output: { type: "object" },
      timeoutMs: 5_000,
      effect: "none",
    }],
    healthUrl: "http://host-1/health",
    leaseMs: 30_000,
    namespaces: ["shop"],
    force: "r",
  },
  removeInstance: { system: "inventory", instance: "host-1", afterwards: "forgotten" },
  getWorkflowSchema: { namespace: "shop", name: "checkout", version: "1.0.0+b", part: "input" },
  getStepSchema: {
    namespace: "shop",
    name: "checkout",
    version: "1.0.0+b",
    step: "pay",
    part: "success",
  },
  getEnvelopeSchema: { envelope: "StepCommand" },
  getAsyncApi: { system: "stock" },
  getTypes: { lang: "py", system: "stock" },
  generateWorkflow: {
    description: "Charge the card, then send a receipt",
    base: { workflow: "shop/order" },
    name: "receipt",
    namespace: "shop",
    file: "receipt.yaml",
    parts: [1, 2],
    by: "planner",
  },
  suggestSteps: {
    text: "name: a",
    format: "yaml",
    file: "a.yaml",
    after: "pay",
    capability: "mail.send",
    owner: "mail",
    limit: 3,
  },
  simulateDocument: {
    text: "name: checkout",
    file: "checkout.yaml",
    input: { id: 1 },
    failures: [{ step: "pay", error: { error_code: "e" } }],
  },
  getPolicy: { namespace: "shop", name: "checkout" },
  compareArms: { namespace: "shop", name: "checkout", metric: "duration" },
  optimiseWorkflow: {
    namespace: "shop",
    name: "checkout",
    version: "1.0.0",
    sinceMs: 5,
    tasks: 3,
  },
  getStatistics: {
    workflow: "shop/checkout",
    step: "pay",
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-02T00:00:00.000Z",
    by: "policy",
    intervals: 24,
  },
  whatifWorkflow: {
    namespace: "shop",
    name: "checkout",
    version: "1.0.0",
    sinceMs: 5,
    tasks: 3,
    steps: { pay: { timeoutMs: 5 } },
    dropEdges: ["a:b"],
  },
  putPolicy: {
    namespace: "shop",
    name: "checkout",
    by: "ada",
    reason: "r",
    steps: { "*": { timeoutMs: 5 } },
    canary: { percent: 10, salt: "s" },
    starts: { pausedBelow: 2, untilMs: 5 },
    expectedVersion: 0,
  },
  listIncidents: { workflow: "shop/checkout", step: "pay", phase: "ended", limit: 5, cursor: "c" },
  getIncident: { incident: "t1" },
  approveProposal: { incident: "t1", by: "ada", reason: "r" },
  rejectProposal: { incident: "t1", by: "ada", reason: "r" },
  revertProposal: { incident: "t1", by: "ada", reason: "r" },
  getHealing: {},
  putHealing: {
    by: "ada",
    reason: "r",
    mode: "observe",
    actionsPerHour: 5,
    silences: [{ fromMs: 1, untilMs: 2, workflow: "shop/checkout" }],
    expectedVersion: 0,
  },
  listNodes: {},
  getSystemStatistics: { intervals: 60 },
  listWebhooks: {},
  putWebhook: {
    name: "billing",
    by: "ada",
    reason: "r",
    url: "https://billing.test/hook",
    events: ["task.completed", "task.failed"],
    workflows: ["shop/*"],
    secret: "BILLING",
    isEnabled: false,
  },
  enableWebhook: { name: "billing", by: "ada", reason: "r" },
  disableWebhook: { name: "billing", by: "ada", reason: "r" },
  removeWebhook: { name: "billing" },
  testWebhook: { name: "billing" },
  resendDeliveries: {
    name: "billing",
    by: "ada",
    reason: "it is back",
    delivery: "t",
    since: AT,
    until: AT,
    dryRun: true,
    limit: 10,
    cursor: "c",
  },
  listTriggers: {},
  putTrigger: {
    namespace: "shop",
    trigger: "orders",
    by: "ada",
    reason: "r",
    type: "order.placed",
    filter: { "$.event.data.country": ["DE", "AT"] },
    signed: { scheme: "github", secret: "HOOK" },
    start: {
      workflow: "shop/checkout",
      input: { id: "$.event.data.id" },
      tags: ["order-${event.data.id}"],
      priority: 2,
    },
    signal: {
      workflow: "shop/checkout",
      name: "approve",
      payload: "$.event.data",
      attribute: { name: "order", value: "$.event.data.id" },
    },
    isEnabled: false,
  },
  enableTrigger: { namespace: "shop", trigger: "orders", by: "ada", reason: "r" },
  disableTrigger: { namespace: "shop", trigger: "orders", by: "ada", reason: "r" },
  removeTrigger: { namespace: "shop", trigger: "orders" },
  sendEvents: {
    namespace: "shop",
    events: [{ id: "1", source: "/shop", type: "order.placed", data: { id: 5 } }],
  },
  sendSignedEvent: { namespace: "shop", trigger: "orders" },
  getSystemLimits: { name: "stock" },
  putSystemLimits: {
    name: "stock",
    by: "ada",
    reason: "r",
    limits: { "*": { concurrencyMax: 5, ratePerS: 2.5, burst: 9 } },
    expectedVersion: 0,
  },
  getOwnKey: {},
  listKeys: {},
  makeKey: { name: "ci", scopes: ["read"], namespaces: ["shop"], systems: [], expiresAt: AT },
  removeKey: { id: "k" },
  listAudit: {
    key: "key_1",
    operation: "cancelTask",
    target: "t",
    outcome: "done",
    since: AT,
    limit: 3,
    cursor: "019aba5e-1111-7000-8000-000000000000",
  },
  getSignInWays: {},
  beginSignIn: {},
  finishSignIn: {},
  makeSession: { secret: "s", way: "link" },
  endSession: {},
  makeSignInLink: {},
  listDead: {
    system: "s",
    kind: "command",
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-02T00:00:00.000Z",
    limit: 3,
    cursor: "7",
  },
  getDead: { id: "d" },
  replayManyDead: {
    system: "s",
    kind: "reply",
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-02T00:00:00.000Z",
    count: 5,
  },
  discardManyDead: {
    system: "s",
    kind: "inbound",
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-02T00:00:00.000Z",
    count: 5,
  },
  replayDead: { id: "d" },
  discardDead: { id: "d" },
  pollBus: { system: "stock", instance: "a", max: 2, waitMs: 0, leaseMs: 5_000 },
  replyBus: { system: "stock", replies: [ENVELOPE] },
  isLive: {},
  isReady: {},
  getHealth: {},
  getMetrics: {},
  getOpenApi: {},
};

/** The fields of a path, as a router finds them. */
function paramsOf({ path }: Operation, request: Request): Record<string, string> | undefined {
  const pattern = path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  const fields = new RegExp(`^${pattern}$`).exec(new URL(request.url).pathname);
  if (fields === null) return undefined;
  const entries = Object.entries(fields.groups ?? {});
  return Object.fromEntries(entries.map(([name, text]) => [name, decodeURIComponent(text)]));
}

for (const [name, input] of Object.entries(INPUTS)) {
  Deno.test(`${name}: the API reads from the request what the client was given`, async () => {
    const operation: Operation = OPERATIONS[name as CallName];
    const runtime = new VirtualRuntime();
    let sent: Request | undefined;
    const client = openClient({
      url: "http://tasker.test",
      runtime,
      fetch: (request) => {
        sent = request.clone();
        return Promise.resolve(new Response("null"));
      },
    });

    await client.call(name as CallName, input as never);

    ok(sent !== undefined);
    const params = paramsOf(operation, sent);
    equal(sent.method, operation.method);
    ok(params !== undefined, `${sent.url} is not ${operation.path}`);
    deepEqual((await readInput(operation, sent, { params, runtime })).input, input);
    equal(sent.headers.has("idempotency-key"), operation.repeat !== "harmless");
  });
}
