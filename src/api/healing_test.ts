import { deepEqual, equal } from "node:assert/strict";
import { planOf } from "../core/plan.ts";
import type { Event } from "../core/event.ts";
import { incidentTags } from "../core/incident.ts";
import { encodePayload } from "../core/payload.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";

const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 0.3 },
  ...{ timedOutShare: 0.3, retriedShare: 0 },
};

const INPUT = {
  ...{ about: "orders/process validate failures", number: 1 },
  degradation: {
    ...{ workflow: "orders/process", step: "validate", signal: "failures", saturated: false },
    ...{ sinceMs: 0, windowMs: 60_000, now: FIGURES, before: FIGURES, chance: 0 },
  },
};

/** An incident of "orders" that waits for a person, and would change an overlay of a namespace. */
async function incidentWith(namespace: string) {
  const fake = fakeApi();
  const definition = definitionOf(
    [{ name: "propose" }, { name: "approval", kind: "signal", after: ["propose"] }],
    { namespace: "tasker", name: "incident" },
  );
  fake.engine.plans.push(planOf("hash-incident", definition));
  const change = { namespace, name: "inventory", changes: [{ path: ["steps"], value: {} }] };
  const proposal = {
    ...{ id: "p1", action: { kind: "limit_system" }, change, inverse: change, tier: "T2" },
    ...{ evidence: [], confidence: 0.5, expected: "it helps", load: "same", repeats: false },
    blastRadius: { workflows: ["orders/process"], tasksPerHour: 60 },
  };
  const proposed = { proposals: [proposal], chosen: "p1", notes: [] };
  const { taskId } = await fake.engine.start({
    ...{ workflow: "tasker/incident", input: INPUT, tags: [], commandId: "one" },
  });
  const of = { attempt: 1, atMs: fake.runtime.now() };
  const events: Event[] = [
    { kind: "StepStarted", step: 0, waitedMs: 0, policyVersion: 0, ...of },
    { kind: "StepCompleted", step: 0, ranMs: 0, result: encodePayload(proposed, "it"), ...of },
    { kind: "StepStarted", step: 1, waitedMs: 0, policyVersion: 0, ...of },
  ];
  fake.engine.commit(taskId, ...events);
  return { fake, taskId };
}

Deno.test("what changes a system is approved and taken back by keys for all namespaces alone", async () => {
  const answers: Record<string, readonly number[]> = {};
  for (const namespace of ["", "orders"]) {
    const { fake, taskId } = await incidentWith(namespace);
    const narrow = fake.key(undefined, ["orders"]);

    const statuses = [];
    for (const verb of ["revert", "approve", "reject"]) {
      const line = `POST /v1/incidents/${taskId}/${verb}`;
      statuses.push((await fake.ask(line, { key: narrow, body: {} })).status);
    }
    statuses.push((await fake.ask(`POST /v1/incidents/${taskId}/approve`, { body: {} })).status);
    answers[namespace] = statuses;
  }

  deepEqual(answers, { "": [403, 403, 202, 202], orders: [202, 202, 202, 202] });
});

Deno.test("nobody starts an incident, or decides about one, with the right to write tasks", async () => {
  const { fake, taskId } = await incidentWith("orders");
  const key = fake.key(["write"]);
  const body = { approved: true, by: "tasker", reason: "" };

  const signal = await fake.ask(`POST /v1/tasks/${taskId}/signals/approval`, { key, body });
  const start = await fake.ask("POST /v1/tasks", {
    key,
    body: { workflow: "tasker/incident", input: INPUT },
  });

  equal(signal.status, 403);
  equal(start.status, 403);
  deepEqual(fake.engine.commands, []);
});

Deno.test("a time of silence that ends before it begins is refused", async () => {
  const fake = fakeApi();
  const put = async (fromMs: number, untilMs: number) => {
    const body = { reason: "maintenance", silences: [{ fromMs, untilMs }] };
    return (await fake.ask("PUT /v1/healing", { body })).status;
  };

  deepEqual([await put(5, 1), await put(1, 5)], [400, 200]);
});

Deno.test("a change of the healer's settings leaves what it does not name as it is", async () => {
  const fake = fakeApi();
  const put = async (body: object) => {
    const answer = await fake.ask("PUT /v1/healing", { body: { reason: "test", ...body } });
    return (await answer.json()).settings;
  };
  const silences = [{ fromMs: 1, untilMs: 5 }];

  await put({ mode: "off", actionsPerHour: 3 });

  deepEqual(await put({ silences }), { mode: "off", actionsPerHour: 3, silences });
  deepEqual(await put({ mode: "on" }), { mode: "on", actionsPerHour: 3, silences });
});

Deno.test("a key of one namespace reads the journals of its own incidents alone", async () => {
  const { fake } = await incidentWith("orders");
  const start = async (workflow: string, number: number) => {
    const degradation = { ...INPUT.degradation, workflow };
    return await fake.engine.start({
      workflow: "tasker/incident",
      input: { ...INPUT, number, degradation },
      tags: incidentTags(degradation),
      commandId: `${workflow} ${number}`,
    });
  };
  const own = await start("orders/process", 2);
  for (let number = 0; number < 30; number++) await start("payments/charge", number);
  const read: string[] = [];
  const turns = fake.engine.turns.bind(fake.engine);
  fake.engine.turns = (taskId, ...rest) => {
    read.push(taskId);
    return turns(taskId, ...rest);
  };

  const key = fake.key(undefined, ["orders"]);
  const answer = await (await fake.ask("GET /v1/incidents?limit=5", { key })).json();

  deepEqual(answer.incidents.map(({ id }: { readonly id: string }) => id), [own.taskId]);
  deepEqual([read, answer.nextCursor], [[own.taskId], undefined]);
});
