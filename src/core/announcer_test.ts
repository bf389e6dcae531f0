import { deepEqual, equal } from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { Announcer } from "./announcer.ts";
import { slotOf } from "./ids.ts";
import { OWN_NAMESPACE } from "./incident.ts";
import type { JsonText } from "./payload.ts";
import { planOf } from "./plan.ts";
import type { InboxRow, PolicyOverlay } from "./ports.ts";
import type { TaskStateName } from "./state.ts";
import { type Webhook, WEBHOOK_EVENTS, webhookDefinition } from "./webhook.ts";

const HOOK: Webhook = {
  url: "https://a.test/",
  events: WEBHOOK_EVENTS,
  workflows: [],
  secret: "S",
  isEnabled: true,
  version: "v1",
  hash: "h1",
};

const BY = { by: "ada", reason: "" };

/** What is sent of the last turn of a task. */
function sent(
  { actor, turns, state }: TaskDriver,
  webhook: Partial<Webhook> = {},
  { before = "running", plan = actor.plan }: { before?: TaskStateName; plan?: typeof actor.plan } =
    {},
): readonly InboxRow[] {
  const announcer = new Announcer({ now: () => 0, uuid: () => crypto.randomUUID() });
  const steps = { hook: { ...HOOK, ...webhook } } as unknown as PolicyOverlay["steps"];
  const overlay = { version: 1, by: "", reason: "", atMs: 0, steps };
  announcer.renew(new Map([[`${OWN_NAMESPACE}/webhooks`, overlay]]));
  const turn = turns.at(-1)!;
  return announcer.sendsOf({ taskId: actor.taskId, plan, before, state, ...turn });
}

function bodyOf({ command }: InboxRow) {
  return JSON.parse(command.kind === "StartTask" ? command.input : "{}");
}

/** The events of the last turn of a task, with their data. */
function eventsOf(...asked: Parameters<typeof sent>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(sent(...asked).map((row) => [bodyOf(row).type, bodyOf(row).data]));
}

function typesOf(...asked: Parameters<typeof sent>): readonly string[] {
  return Object.keys(eventsOf(...asked));
}

const once = { name: "pay", policy: { retry: { attemptsMax: 1 } } };

Deno.test("a webhook reports a start and an end, and no turn between", () => {
  const task = new TaskDriver([{ name: "pay" }, { name: "ship", after: ["pay"] }]);

  deepEqual(typesOf(task.start()), ["task.started"]);
  deepEqual(typesOf(task.complete("pay")), []);
  deepEqual(typesOf(task.complete("ship")), ["task.completed"]);
  deepEqual(typesOf(task, { events: ["task.failed"] }), []);
});

Deno.test("a webhook reports nothing while it is disabled, of other workflows, and of Tasker's own", () => {
  const ended = new TaskDriver([{ name: "pay" }]).start().complete("pay");
  const own = planOf("h", webhookDefinition("hook", HOOK));

  deepEqual(typesOf(ended, { isEnabled: false }), []);
  deepEqual(typesOf(ended, { workflows: ["elsewhere/*"] }), []);
  deepEqual(typesOf(ended, {}, { plan: own }), []);
  deepEqual(typesOf(ended, { workflows: ["test/*"] }), ["task.completed"]);
  deepEqual(typesOf(ended, { workflows: ["test/played"] }), ["task.completed"]);
});

Deno.test("a person is needed where a step parks, also while others run, and once for each step", () => {
  const task = new TaskDriver([once, { name: "log" }, { ...once, name: "mail" }]).start();
  const parked = { needs: "choice", reason: "attempts_exhausted" };
  const stepsOf = (of: TaskDriver) =>
    (eventsOf(of)["task.needs_person"] as { steps: unknown } | undefined)?.steps;

  deepEqual(stepsOf(task.throw("pay")), [{ step: "pay", ...parked }]);
  deepEqual(stepsOf(task.throw("mail")), [{ step: "mail", ...parked }]);
  deepEqual(typesOf(task.complete("log")), ["task.blocked"]);
  deepEqual(
    typesOf(task.send({ kind: "RetryStep", step: "pay", ...BY }), {}, {
      before: "blocked",
    }),
    [],
  );
});

Deno.test("a person is needed where a step waits for a signal, unless that was there before", () => {
  const steps = [{ name: "ask" }, { name: "agree", kind: "signal", after: ["ask"] }] as const;
  const payload = "1" as JsonText;
  const waits = new TaskDriver(steps).start().complete("ask");
  const early = new TaskDriver(steps).start()
    .send({ kind: "SendSignal", name: "agree", payload }).complete("ask");

  deepEqual(eventsOf(waits)["task.needs_person"], {
    id: waits.actor.taskId,
    workflow: "test/played",
    version: "1.0.0",
    state: "waiting",
    turn: 2,
    steps: [{ step: "agree", needs: "signal" }],
  });
  deepEqual(typesOf(early), ["task.completed"]);
});

Deno.test("a blocked task that comes back into memory is not reported again", () => {
  const task = new TaskDriver([once]).start().throw("pay").send({ kind: "Passivate" });

  equal(task.reload().actor.committed, "blocked");
});

const figures = { attempts: 1, perMinute: 1, failedShare: 1, timedOutShare: 0, retriedShare: 0 };
const DEGRADATION = {
  ...{ workflow: "shop/order", step: "pay", signal: "failures", saturated: false },
  ...{ sinceMs: 1, windowMs: 1, now: figures, before: figures, chance: 0 },
};

Deno.test("an incident is reported under the workflow that it is about, with what came of it", () => {
  const steps = [
    { name: "propose" },
    { name: "approval", kind: "signal", after: ["propose"] },
    { name: "release", after: ["approval"] },
    { name: "learn", after: ["release"] },
  ] as const;
  const incident = new TaskDriver(steps, { namespace: OWN_NAMESPACE, name: "incident" });
  const id = incident.actor.taskId;
  const data = { id, workflow: "shop/order", step: "pay", signal: "failures" };

  incident.start({ about: "a", number: 1, degradation: DEGRADATION });
  deepEqual(eventsOf(incident), { "incident.opened": data });
  deepEqual(typesOf(incident, { workflows: ["shop/*"] }), ["incident.opened"]);
  deepEqual(typesOf(incident, { workflows: ["tasker/*"] }), []);
  deepEqual(eventsOf(incident.complete("propose")), { "incident.needs_person": data });
  incident.send({ kind: "SendSignal", name: "approval", payload: "{}" as JsonText });
  deepEqual(typesOf(incident), []);
  deepEqual(eventsOf(incident.complete("release", { outcome: "kept", says: "", atMs: 2 })), {
    "incident.ended": { ...data, outcome: "kept" },
  });
  deepEqual(typesOf(incident.complete("learn")), []);
});

Deno.test("an incident whose last change a person ends by hand is reported as ended", () => {
  const incident = new TaskDriver([{ name: "release" }], {
    namespace: OWN_NAMESPACE,
    name: "incident",
  }).start({ about: "a", number: 1, degradation: DEGRADATION }).throw("release");

  const result = JSON.stringify({ outcome: "kept", says: "", atMs: 2 }) as JsonText;
  incident.send({ kind: "ResolveStep", step: "release", result, ...BY });

  deepEqual(typesOf(incident), ["incident.ended"]);
});

Deno.test("an incident that is cancelled is reported as broken off", () => {
  const incident = new TaskDriver([{ name: "approval", kind: "signal" }], {
    namespace: OWN_NAMESPACE,
    name: "incident",
  }).start({ about: "a", number: 1, degradation: DEGRADATION });

  const { outcome } = eventsOf(incident.send({ kind: "CancelTask", ...BY }))["incident.ended"] as {
    outcome: string;
  };
  equal(outcome, "broken_off");
});

Deno.test("a delivery is in the slot of its task, and has one key for one event of a turn", () => {
  const task = new TaskDriver([once]).start().throw("pay");
  const events = ["task.blocked"] as const;

  const [one] = sent(task, { events });
  const [again] = sent(task, { events });

  equal(one?.slot, slotOf(task.actor.taskId));
  equal(one?.command.taskId === again?.command.taskId, false);
  equal(one?.commandId, again?.commandId);
  deepEqual(bodyOf(one!), {
    id: `${one?.command.taskId}/deliver`,
    type: "task.blocked",
    timestamp: "1970-01-01T00:00:00.000Z",
    data: {
      id: task.actor.taskId,
      workflow: "test/played",
      version: "1.0.0",
      state: "blocked",
      turn: 2,
      blockedReason: 'step "pay" is parked: attempts_exhausted',
    },
  });
});
