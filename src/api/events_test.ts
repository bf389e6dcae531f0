import { deepEqual, equal, match } from "node:assert/strict";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { TaskerError } from "../core/errors.ts";
import { TRIGGERS_MAX, TRIGGERS_PER_TYPE_MAX } from "../core/trigger.ts";

interface Answer {
  readonly namespace: string;
  readonly events: readonly {
    readonly id?: string;
    readonly outcome: string;
    readonly triggers: readonly {
      readonly trigger: string;
      readonly outcome: string;
      readonly task?: string;
      readonly problem?: { readonly code: string; readonly detail: string };
    }[];
    readonly sendAgain: boolean;
    readonly problem?: { readonly code: string; readonly detail: string };
  }[];
}

const START = { workflow: "orders/process" };

const PLACED = { id: "1", source: "/shop", type: "order.placed", data: { id: 5 } };

async function put(fake: FakeApi, name: string, trigger: object, key?: string): Promise<number> {
  const line = `PUT /v1/triggers/orders/${name}`;
  const body = { type: "order.placed", ...trigger };
  return (await fake.ask(line, { body, ...(key !== undefined && { key }) })).status;
}

async function send(fake: FakeApi, body: unknown, key = sender(fake)): Promise<Answer["events"]> {
  return (await fake.json<Answer>("POST /v1/events", { body, key })).events;
}

/** A key that may send events and nothing else. */
function sender(fake: FakeApi): string {
  return fake.key(["events"], ["orders"]);
}

/** What became of an event: of itself, or by trigger. */
function said({ outcome, triggers, problem }: Answer["events"][number]): unknown {
  if (triggers.length === 0) return problem?.code ?? outcome;
  return Object.fromEntries(
    triggers.map(({ trigger, outcome, problem }) => [trigger, problem?.code ?? outcome]),
  );
}

Deno.test("a trigger starts a task with what it maps, and a repeated event gets the same answer", async () => {
  const fake = fakeApi();
  await put(fake, "placed", {
    start: { ...START, input: { order: "$.event.data.id" }, tags: ["o-${event.data.id}"] },
  });
  await put(fake, "plain", { start: START });

  const first = await send(fake, PLACED);
  const again = await send(fake, [PLACED]);
  const other = await send(fake, { ...PLACED, source: "/other" });

  deepEqual(said(first[0]!), { placed: "started", plain: "started" });
  deepEqual(again, first);
  equal(other[0]?.triggers[0]?.task === first[0]?.triggers[0]?.task, false);
  deepEqual(
    fake.engine.starts.slice(0, 2).map(({ input, tags }) => [input, tags]),
    [[{ order: 5 }, ["trigger:placed", "o-5"]], [{ id: 5 }, ["trigger:plain"]]],
  );
});

Deno.test("an event is taken by enabled triggers of its type alone whose filter it passes", async () => {
  const fake = fakeApi();
  await put(fake, "de", { filter: { "$.event.data.country": ["DE", "AT"] }, start: START });
  await put(fake, "off", { isEnabled: false, start: START });
  await put(fake, "other", { type: "order.paid", start: START });
  const placed = (id: string, data: unknown) => ({ ...PLACED, id, data });

  const answers = await send(fake, [
    placed("1", { country: "AT" }),
    placed("2", { country: "FR" }),
    placed("3", { country: ["DE"] }),
    placed("4", null),
  ]);
  await fake.ask("POST /v1/triggers/orders/de/disable");
  const [disabled] = await send(fake, placed("5", { country: "DE" }));
  await fake.ask("POST /v1/triggers/orders/de/enable");
  const [enabled] = await send(fake, placed("5", { country: "DE" }));
  await fake.ask("DELETE /v1/triggers/orders/de");
  const [removed] = await send(fake, placed("6", { country: "DE" }));

  deepEqual(answers.map(said), [{ de: "started" }, "unmatched", "unmatched", "unmatched"]);
  deepEqual([disabled, enabled, removed].map((one) => said(one!)), [
    "unmatched",
    { de: "started" },
    "unmatched",
  ]);
});

Deno.test("what one trigger or one event cannot do holds up no other", async () => {
  const fake = fakeApi();
  await put(fake, "bad", { start: { ...START, tags: ["${event.data.name}"] } });
  await put(fake, "good", { start: START });
  await put(fake, "lost", { start: { workflow: "orders/gone" } });
  const size = 300_000;

  const answers = await send(fake, [
    PLACED,
    { ...PLACED, id: 7 },
    5,
    { ...PLACED, id: "2", data: "\0" },
    { ...PLACED, id: "3", data: "x".repeat(size) },
    { ...PLACED, id: "4", specversion: "0.3" },
    { ...PLACED, id: "5", data: { name: "n" } },
  ]);

  const lost = "definition.unknown";
  deepEqual(answers.map(said), [
    { bad: "contract.violation", good: "started", lost },
    "api.bad_request",
    "api.bad_request",
    "journal.poison",
    "payload.too_large",
    "api.bad_request",
    { bad: "started", good: "started", lost },
  ]);
  match(answers[0]?.triggers[0]?.problem?.detail ?? "", /"event.data.name" is absent/);
  deepEqual(answers.map(({ sendAgain }) => sendAgain), answers.map(() => false));
});

Deno.test("an event that a start refuses for now is to be sent again, and then does the rest alone", async () => {
  const fake = fakeApi();
  await put(fake, "a", { start: START });
  await put(fake, "b", { start: START });
  fake.engine.refusal = new TaskerError("mailbox.full", "Full");

  const [first] = await send(fake, PLACED);
  const [second] = await send(fake, PLACED);

  deepEqual([said(first!), first?.sendAgain], [{ a: "mailbox.full", b: "started" }, true]);
  deepEqual([said(second!), second?.sendAgain], [{ a: "started", b: "started" }, false]);
  equal(second?.triggers[1]?.task, first?.triggers[1]?.task);
});

Deno.test("a trigger signals the one task with the id or tag, and no task of another workflow", async () => {
  const fake = fakeApi();
  const start = (workflow: string, tags: string[]) =>
    fake.started({ body: { workflow, input: 1, tags } });
  const task = await start("orders/process", ["o-1"]);
  const bill = await start("billing/bill", ["o-9"]);
  await start("orders/process", ["o-2"]);
  await start("orders/process", ["o-2"]);
  const signal = { workflow: "orders/process", name: "approval", payload: "$.event.data.ok" };
  await put(fake, "id", { type: "by.id", signal: { ...signal, task: "$.event.data.task" } });
  await put(fake, "tag", { type: "by.tag", signal: { ...signal, tag: "o-${event.data.order}" } });
  const byId = (id: string, task: unknown) => ({ id, type: "by.id", data: { task, ok: true } });
  const byTag = (id: string, order: number) => ({ id, type: "by.tag", data: { order, ok: 1 } });

  const answers = await send(fake, [
    byId("1", task),
    byId("2", bill),
    byId("3", "no id"),
    byId("4", undefined),
    byTag("5", 1),
    byTag("6", 2),
    byTag("7", 9),
  ]);

  deepEqual(answers.map(said), [
    { id: "signalled" },
    { id: "task.not_found" },
    { id: "task.id_invalid" },
    { id: "contract.violation" },
    { tag: "signalled" },
    { tag: "trigger.ambiguous" },
    { tag: "task.not_found" },
  ]);
  deepEqual(
    fake.engine.commands.map((command) =>
      command.kind === "SendSignal" && [command.taskId, command.name, command.payload]
    ),
    [[task, "approval", "true"], [task, "approval", "1"]],
  );
});

Deno.test("a key of the scope events sends to its namespaces, and can do nothing else", async () => {
  const fake = fakeApi();
  await put(fake, "a", { start: START });
  const code = async (line: string, key: string, body?: unknown) => {
    const response = await fake.ask(line, { key, ...(body !== undefined && { body }) });
    return response.ok ? response.status : (await response.json()).code;
  };
  const both = fake.key(["events"], ["orders", "billing"]);
  const other = fake.key(["events"], ["billing"]);
  const writer = fake.key(["read", "write", "operate", "deploy"], ["orders"]);
  const start = { workflow: "orders/process", input: 1 };

  deepEqual(
    [
      await code("POST /v1/events", sender(fake), PLACED),
      await code("POST /v1/events", both, PLACED),
      await code("POST /v1/events?namespace=orders", both, PLACED),
      await code("POST /v1/events?namespace=orders", other, PLACED),
      await code("POST /v1/events", writer, PLACED),
      await code("POST /v1/tasks", sender(fake), start),
      await code("GET /v1/triggers", sender(fake)),
      await code("PUT /v1/triggers/orders/a", writer, { type: "t", start: START }),
    ],
    [
      200,
      "api.bad_request",
      200,
      "api.forbidden",
      "api.forbidden",
      "api.forbidden",
      "api.forbidden",
      "api.forbidden",
    ],
  );
  deepEqual((await send(fake, PLACED, other)).map(said), ["unmatched"]);
});

Deno.test("a trigger belongs to its namespace: keys of others neither see nor set it", async () => {
  const fake = fakeApi();
  const own = fake.key(undefined, ["orders"]);
  const other = fake.key(undefined, ["billing"]);
  const listed = async (key: string) =>
    (await fake.json<{ triggers: { name: string; by: string }[] }>("GET /v1/triggers", { key }))
      .triggers.map(({ name }) => name);

  deepEqual(
    [
      await put(fake, "a", { start: START }, own),
      await put(fake, "b", { start: START }, other),
      await put(fake, "b", { start: { workflow: "billing/bill" } }, own),
      await put(fake, "b", { start: { workflow: "billing/bill" } }),
      await put(fake, "b", { start: START, signal: { ...START, name: "approval", tag: "t" } }),
      await put(fake, "b", {}),
      await put(fake, "b", { signal: { ...START, name: "approval" } }),
    ],
    [200, 403, 403, 400, 400, 400, 400],
  );
  deepEqual([await listed(own), await listed(other)], [["a"], []]);
  equal((await fake.ask("DELETE /v1/triggers/orders/a", { key: other })).status, 404);
  deepEqual(await listed(own), ["a"]);
});

Deno.test("a namespace has a bounded number of triggers, of one type, and of characters", async () => {
  const fake = fakeApi();
  const add = (name: string, type: string, input: unknown = null) =>
    put(fake, name, { type, start: { ...START, input } });

  for (let number = 0; number < TRIGGERS_PER_TYPE_MAX; number++) await add(`a${number}`, "a");
  equal(await add("one-more", "a"), 400);
  equal(await add("a0", "a", "changed"), 200);
  equal(await add("large", "b", "x".repeat(130_000)), 400);
  for (let number = TRIGGERS_PER_TYPE_MAX; number < TRIGGERS_MAX; number++) {
    equal(await add(`b${number}`, `type-${number}`), 200);
  }
  equal(await add("one-more", "c"), 400);
});

Deno.test("another node takes a changed trigger within two seconds, and the one that changed it at once", async () => {
  const one = fakeApi();
  const other = fakeApi({ policies: one.deps.policies });
  let id = 0;
  const next = async (fake: FakeApi) => said((await send(fake, { ...PLACED, id: `${id++}` }))[0]!);
  const started = { a: "started" };

  deepEqual([await next(one), await next(other)], ["unmatched", "unmatched"]);
  await put(one, "a", { start: START });
  deepEqual([await next(one), await next(other)], [started, "unmatched"]);
  await other.runtime.advance(2_000);
  deepEqual(await next(other), started);
  await one.ask("DELETE /v1/triggers/orders/a");
  await other.runtime.advance(2_000);
  deepEqual([await next(one), await next(other)], ["unmatched", "unmatched"]);
});

Deno.test("a body that is too large, or no list of events, is refused as a whole", async () => {
  const fake = fakeApi();
  const status = async (body: unknown) =>
    (await fake.ask("POST /v1/events", { body, key: sender(fake) })).status;

  deepEqual(
    await Promise.all([
      status([]),
      status(Array(101).fill(PLACED)),
      status({ ...PLACED, id: "" }),
      status({ ...PLACED, data: "x".repeat(1_100_000) }),
      status("no json"),
    ]),
    [400, 400, 400, 413, 400],
  );
});
