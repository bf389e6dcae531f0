import { deepEqual, equal } from "node:assert/strict";
import { planFor, TASK } from "../../tests/support/dispatch_harness.ts";
import { slotOf } from "./ids.ts";
import { OWN_NAMESPACE } from "./incident.ts";
import { planOf } from "./plan.ts";
import type { PolicyOverlay, TaskChange } from "./ports.ts";
import type { TaskStateName } from "./state.ts";
import { type AnnouncedTurn, Announcer, type Webhook, webhookDefinition } from "./webhook.ts";

const PLAN = planFor({ kind: "local" });
const NAMESPACE = PLAN.definition.namespace;

const HOOK: Webhook = {
  url: "https://a.test/",
  events: ["task.started", "task.completed", "task.blocked"],
  workflows: [],
  secret: "S",
  isEnabled: true,
  version: "v1",
  hash: "h1",
};

/** What is sent of a turn with one webhook: its events. */
function sent(webhook: Partial<Webhook>, turn: Partial<AnnouncedTurn>) {
  const announcer = new Announcer({ now: () => 0, uuid: () => crypto.randomUUID() });
  const steps = { hook: { ...HOOK, ...webhook } } as unknown as PolicyOverlay["steps"];
  const overlay = { version: 1, by: "", reason: "", atMs: 0, steps };
  announcer.renew(new Map([[`${OWN_NAMESPACE}/webhooks`, overlay]]));
  return announcer.sendsOf({ taskId: TASK, plan: PLAN, turn: 3, before: "running", ...turn });
}

function change(state: TaskStateName): TaskChange {
  return { state, blockedReason: state === "blocked" ? "why" : null, resident: true };
}

function typesOf(rows: ReturnType<typeof sent>): readonly string[] {
  return rows.map(({ command }) =>
    command.kind === "StartTask" ? JSON.parse(command.input).type : command.kind
  );
}

Deno.test("a webhook reports a state that a turn brings, and no other", () => {
  deepEqual(typesOf(sent({}, { change: change("completed") })), ["task.completed"]);
  deepEqual(typesOf(sent({}, { change: change("failed") })), []);
  deepEqual(typesOf(sent({}, { change: change("blocked"), before: "blocked" })), []);
  deepEqual(typesOf(sent({}, {})), []);
});

Deno.test("a webhook reports nothing while it is disabled, of other workflows, and of Tasker's own", () => {
  const ended = { change: change("completed") };
  const own = planOf("h", webhookDefinition("hook", HOOK));

  deepEqual(sent({ isEnabled: false }, ended), []);
  deepEqual(sent({ workflows: ["elsewhere/*"] }, ended), []);
  deepEqual(sent({}, { ...ended, plan: own }), []);
  equal(sent({ workflows: [`${NAMESPACE}/*`] }, ended).length, 1);
  equal(sent({ workflows: [PLAN.workflow] }, ended).length, 1);
});

Deno.test("a delivery is in the slot of its task, and has one key for one event of a turn", () => {
  const [one] = sent({}, { change: change("blocked") });
  const [again] = sent({}, { change: change("blocked") });

  equal(one?.slot, slotOf(TASK));
  equal(one?.command.taskId === again?.command.taskId, false);
  equal(one?.commandId, again?.commandId);
  const input = one?.command.kind === "StartTask" ? JSON.parse(one.command.input) : undefined;
  deepEqual(input, {
    type: "task.blocked",
    timestamp: "1970-01-01T00:00:00.000Z",
    data: {
      id: TASK,
      workflow: PLAN.workflow,
      version: PLAN.definition.version,
      state: "blocked",
      turn: 3,
      blockedReason: "why",
    },
  });
});

Deno.test("a delivery that waited a minute for its circuit was given up", () => {
  const [step] = webhookDefinition("hook", HOOK).steps;

  equal(step?.policy.onExhausted, "fail");
  equal(step?.policy.queueTimeoutMs, undefined);
});
