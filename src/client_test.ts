import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type {
  ClientError,
  CommittedTurn,
  InputOf,
  JournalEntry,
  OutputOf,
  Task,
  TaskOf,
} from "./client.ts";
import {
  all,
  commit,
  ended,
  openClientHarness,
  settled,
  started,
} from "../tests/support/client_harness.ts";
import { ROUTES } from "./client/routes.ts";
import { ERRORS } from "./core/errors.ts";
import { deadLetterOf } from "../tests/support/fake_dead_letters.ts";
import type { TaskId } from "./core/ids.ts";
import { step, workflow, z } from "./mod.ts";

Deno.test("documents have the types of the operations' schemas", async () => {
  const { client } = openClientHarness();
  // @ts-expect-error a state is one of a fixed set
  const state: Task["state"] = "done";
  // @ts-expect-error a turn is a number
  const turn: CommittedTurn["turn"] = "1";
  // @ts-expect-error an event has a kind
  const event: JournalEntry = { turn: 1, number: 1, at: "" };

  const [listed] = await all(client.list());
  // @ts-expect-error a task in a list has no steps
  equal(listed?.steps, undefined);
  deepEqual([state, turn, event.number], ["done", "1", 1]);
});

Deno.test("start() sends workflow, input, tags and key, and answers the task", async () => {
  const { client, fake, requests } = openClientHarness();

  const task = await client.start("orders/process", {
    input: { id: 1 },
    key: "A-1",
    tags: ["vip"],
    deadlineMs: 60_000,
  });

  deepEqual(
    [task.namespace, task.workflow, task.version, task.state, task.tags],
    ["orders", "process", "1.0.0", "running", ["vip"]],
  );
  deepEqual(task.steps.map(({ name, state }) => [name, state]), [
    ["validate", "pending"],
    ["reserve", "pending"],
    ["approval", "pending"],
  ]);
  equal(requests[0]?.url, "http://tasker.test/v1/tasks");
  const { commandId: _, ...sent } = fake.engine.starts[0] ?? { commandId: "" };
  deepEqual(sent, {
    workflow: "orders/process",
    input: { id: 1 },
    tags: ["vip"],
    key: "A-1",
    deadlineMs: 60_000,
  });
});

Deno.test("InputOf<> is the input of a workflow module, before its defaults", () => {
  const input = z.object({ name: z.string().default("Ada") });
  const greet = step({ input, success: z.string(), run: ({ input }) => input.name });
  const hello = workflow({ namespace: "docs", name: "hello", version: "1.0.0", input }, (w) => {
    w.step("greet", greet);
  });

  const given: InputOf<typeof hello> = {};
  // @ts-expect-error a name is a text
  const wrong: InputOf<typeof hello> = { name: 1 };

  deepEqual([hello.name, given, wrong], ["hello", {}, { name: 1 }]);
});

Deno.test("OutputOf<> is the output of a workflow module, after its defaults", () => {
  const input = z.object({ name: z.string() });
  const greet = step({ input, success: z.string(), run: ({ input }) => input.name });
  const meta = { namespace: "docs", name: "hello", version: "1.0.0", input };
  const hello = workflow(meta, (w) => {
    const greeted = w.step("greet", greet);
    return w.output({
      success: z.object({ line: z.string(), kind: z.enum(["a", "b"]).default("a") }),
      needs: { greeted },
      with: ({ greeted }) => ({ line: greeted }),
    });
  });
  const plain = workflow(meta, (w) => void w.step("greet", greet));

  const right: OutputOf<typeof hello> = { line: "Hi", kind: "b" };
  // @ts-expect-error a kind is one of two
  const wrong: OutputOf<typeof hello> = { line: "Hi", kind: "c" };
  const any: OutputOf<typeof plain> = 1;
  const task: TaskOf<OutputOf<typeof hello>> | undefined = undefined;

  deepEqual([right.kind, wrong.kind, any, task], ["b", "c", 1, undefined]);
});

Deno.test("wait() asks again until the task has ended", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);

  const waiting = harness.client.wait(id);
  await harness.fake.runtime.advance(70_000);
  commit(harness.fake, id, 0, ended(harness.fake));

  equal((await settled(harness, waiting)).state, "completed");
  equal(harness.requests.length, 4);
});

Deno.test("wait() answers a task that has not ended when its time is over", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);

  const task = await settled(harness, harness.client.wait(id, { waitMsMax: 40_000 }));

  equal(task.state, "running");
});

Deno.test("run() starts a task and waits for its end, in one request where that is enough", async () => {
  const harness = openClientHarness();
  const running = harness.client.run("orders/process", { input: { id: 1 }, key: "A-1" });
  await harness.fake.runtime.advance(5_000);
  const [task] = await harness.fake.engine.tasks({ namespaces: undefined, limit: 1 });
  commit(harness.fake, task?.taskId ?? "", 0, ended(harness.fake));

  equal((await settled(harness, running)).state, "completed");
  equal(harness.requests.length, 1);
});

Deno.test("run() returns a task that has not ended when its time is over", async () => {
  const harness = openClientHarness();

  const running = harness.client.run("orders/process", { input: { id: 1 }, waitMsMax: 40_000 });

  equal((await settled(harness, running)).state, "running");
  equal(harness.fake.engine.starts.length, 1);
});

Deno.test("list() goes through all pages and asks for none too early", async () => {
  const harness = openClientHarness();
  for (let count = 0; count < 5; count++) await started(harness);
  const before = harness.requests.length;

  const pages = harness.client.list({ workflow: "orders/process", pageSize: 2 });
  await pages.next();

  equal(harness.requests.length, before + 1);
  equal((await all(pages)).length, 4);
  equal(harness.requests.length, before + 3);
});

Deno.test("journal() goes through all pages, from any turn", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  for (let count = 0; count < 250; count++) {
    harness.fake.engine.commit(id as TaskId, { kind: "TaskPaused", atMs: 0, by: "x", reason: "" });
  }

  const entries = await all(harness.client.journal(id, { afterTurn: 1 }));

  equal(entries.length, 250);
  deepEqual([entries[0], entries.at(-1)].map((entry) => entry?.turn), [2, 251]);
});

Deno.test("operator actions reach the task with who and why", async () => {
  const { client, fake, ...harness } = openClientHarness();
  const { id } = await started({ client, fake, ...harness });

  await client.pause(id, { by: "ada", reason: "look" });
  await client.resume(id);
  await client.signal(id, "approval", { payload: { by: "ada" } });
  await client.retry(id, "reserve", { reason: "fixed" });
  await client.resolve(id, "reserve", { result: 7 });
  await client.skip(id, "reserve", { result: null });

  const common = { taskId: id };
  const key = `(key ${fake.keyRows[1]?.id})`;
  deepEqual(fake.engine.commands.map(({ commandId: _, ...command }) => command), [
    { kind: "PauseTask", ...common, by: `ada ${key}`, reason: "look" },
    { kind: "ResumeTask", ...common, by: `tester ${key}`, reason: "" },
    { kind: "SendSignal", ...common, name: "approval", payload: '{"by":"ada"}' },
    { kind: "RetryStep", ...common, by: `tester ${key}`, reason: "fixed", step: "reserve" },
    {
      kind: "ResolveStep",
      ...common,
      by: `tester ${key}`,
      reason: "",
      step: "reserve",
      result: "7",
    },
    {
      kind: "SkipStep",
      ...common,
      by: `tester ${key}`,
      reason: "",
      step: "reserve",
      result: "null",
    },
  ]);
});

Deno.test("workflows, systems, policies, keys, dead letters and health can be asked for", async () => {
  const { client, fake } = openClientHarness();
  fake.letters.push(deadLetterOf("d1", { channel: "c" }));

  const [listed] = await client.workflows.list();
  const found = await client.workflows.get("orders/process");
  const policy = await client.policies.put("orders/process", {
    steps: { "*": { timeoutMs: 5 } },
    reason: "slow",
  });
  const made = await client.keys.make({ name: "ci", scopes: ["read"], namespaces: ["orders"] });

  deepEqual(listed, { namespace: "billing", name: "bill", versions: ["1.0.0"], steps: 3 });
  deepEqual(found.versions[0]?.edges[0], { from: "validate", to: "reserve", kind: "data" });
  deepEqual((await client.policies.get("orders/process")).versions, [policy]);
  deepEqual((await client.keys.list()).map(({ name }) => name), ["tester", "tester", "ci"]);
  equal(await client.keys.remove(made.id), undefined);
  deepEqual((await all(client.dead.list())).map(({ id }) => id), ["d1"]);
  deepEqual(await client.dead.replay("d1"), { id: "d1", channel: "c" });
  await rejects(client.dead.discard("d1"), { code: "dead_letter.not_found" });
  equal((await client.health()).node, "node-1");
  await client.live();
});

Deno.test("call() sends any operation, by its name in the table", async () => {
  const { client, requests } = openClientHarness();
  const { id } = await client.call("startTask", { workflow: "orders/process", input: { id: 1 } });

  const paused = await client.call("pauseTask", { id, reason: "look" }, { idempotencyKey: "k-1" });
  const page = await client.call("listTasks", { workflow: "orders/process", limit: 1 });
  const metrics = await client.call("getMetrics", {});

  deepEqual([paused.id, paused.changed, page.tasks[0]?.id], [id, true, id]);
  equal(typeof metrics, "string");
  equal(requests[1]?.headers.get("idempotency-key"), "k-1");
  // @ts-expect-error an id is missing
  await rejects(client.call("getTask", {}), { code: "task.id_invalid" });
  // @ts-expect-error a stream has no single answer
  const wrong: Parameters<typeof client.call>[0] = "streamTask";
  equal(wrong, "streamTask");
});

Deno.test("a field that an operation does not have is refused by its name", async () => {
  const { client } = openClientHarness();
  const { id } = await client.start("orders/process", { input: { id: 1 } });
  const faultsOf = (call: Promise<unknown>) =>
    call.then(() => [], ({ faults }: ClientError) => faults.map(({ detail }) => detail));
  const unknown: object = { colour: "red" };

  match((await faultsOf(client.pause(id, unknown))).join(), /colour/);
  match((await faultsOf(client.list(unknown).next())).join(), /colour/);
});

Deno.test("a bundle with the client has no schemas in it, and is small", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--platform",
      "browser",
      "--minify",
      new URL("client.ts", import.meta.url).href,
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();

  ok(success, new TextDecoder().decode(stderr));
  // It has one line for each operation and each error; zod alone would be twenty times as much.
  const entries = Object.keys(ROUTES).length + Object.keys(ERRORS).length;
  const longest = 9_000 + 120 * entries;
  ok(stdout.length > 10_000 && stdout.length < longest, `${stdout.length} bytes of ${longest}`);
});
