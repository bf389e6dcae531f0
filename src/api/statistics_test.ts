import { deepEqual, equal } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { Counts, encodeCells } from "../core/statistics.ts";
import type { OperationResult } from "../client.ts";

type Answer = OperationResult<"getStatistics">;

const WINDOW = "since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00Z";
const BEGIN_MS = Date.parse("2026-01-01T00:00:00Z");

/** A node that counted two versions of a step, in two intervals, and a task. */
async function counted() {
  const fake = fakeApi();
  const counts = (ran: readonly number[], failed = 0) => {
    const of = new Counts();
    of.starts = ran.length + failed;
    for (const ms of ran) {
      of.waited.add(2);
      of.ran.add(ms);
      of.addOutcome("completed");
    }
    for (let at = 0; at < failed; at++) {
      of.addOutcome("timed_out");
      of.addError("timed_out");
    }
    return of;
  };
  const cells = (more: object, of: Counts) =>
    encodeCells([{ version: "1.0.0", policyVersion: 0, counts: of, ...more }]);
  const row = (fromMs: number, body: string, ofSteps = true, workflow = "orders/process") => ({
    workflow,
    fromMs,
    untilMs: fromMs + 10_000,
    ofSteps,
    body,
  });
  const step = { step: "reserve" };
  await fake.statistics.write(1, [
    row(BEGIN_MS, cells(step, counts([10, 10], 1))),
    row(BEGIN_MS, cells({}, counts([50])), false),
    row(BEGIN_MS, cells({}, counts([70])), false, "billing/bill"),
    row(BEGIN_MS + 1_800_000, cells({ ...step, version: "2.0.0", policyVersion: 3 }, counts([90]))),
  ]);
  return fake;
}

Deno.test("GET /v1/statistics adds up a workflow's tasks and steps over the window", async () => {
  const fake = await counted();

  const { statistics, ...rest } = await fake.json<Answer>(
    `GET /v1/statistics?workflow=orders/process&intervals=2&${WINDOW}`,
  );

  deepEqual(rest, {
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-01T01:00:00.000Z",
    everyMs: 1_800_000,
    omitted: 0,
  });
  deepEqual(statistics.map(({ step, starts, ended }) => [step, starts, ended]), [
    [undefined, 1, 1],
    ["reserve", 4, 4],
  ]);
  const [, reserve] = statistics;
  deepEqual(reserve?.outcomes, { completed: 3, timed_out: 1 });
  deepEqual(reserve?.errors, [{ code: "timed_out", count: 1 }]);
  equal(reserve?.ranMs?.count, 3);
  deepEqual(reserve?.intervals.map(({ at, starts, failed }) => [at, starts, failed]), [
    ["2026-01-01T00:00:00.000Z", 3, 1],
    ["2026-01-01T00:30:00.000Z", 1, 0],
  ]);
});

Deno.test("versions and policies have rows of their own when they are asked for", async () => {
  const fake = await counted();
  const rows = async (by: string) => {
    const of = `GET /v1/statistics?workflow=orders/process&step=reserve&by=${by}&${WINDOW}`;
    const { statistics } = await fake.json<Answer>(of);
    return statistics.map(({ version, policyVersion, starts }) => [version, policyVersion, starts]);
  };

  deepEqual(await rows("step"), [[undefined, undefined, 4]]);
  deepEqual(await rows("version"), [["1.0.0", undefined, 3], ["2.0.0", undefined, 1]]);
  deepEqual(await rows("policy"), [["1.0.0", 0, 3], ["2.0.0", 3, 1]]);
});

Deno.test("statistics of other namespaces do not exist for a key", async () => {
  const fake = await counted();
  const key = fake.key(["read"], ["billing"]);

  const { statistics } = await fake.json<Answer>(`GET /v1/statistics?${WINDOW}`, { key });
  const refused = await fake.ask("GET /v1/statistics?workflow=orders/process", { key });

  deepEqual(statistics.map(({ workflow }) => workflow), ["billing/bill"]);
  equal(refused.status, 404);
});

Deno.test("a window that ends before it begins is refused, and an empty one has no rows", async () => {
  const fake = await counted();
  const ask = (query: string) => fake.ask(`GET /v1/statistics?${query}`);

  const wrong = await ask("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z");
  const empty = await fake.json<Answer>(
    "GET /v1/statistics?since=2020-01-01T00:00:00Z&until=2020-01-01T01:00:00Z",
  );

  equal(wrong.status, 400);
  deepEqual(empty.statistics, []);
});

Deno.test("GET /v1/statistics/systems adds up the steps that name a system, and reads them once in 10 s", async () => {
  const { deps } = fakeApi();
  let lists = 0;
  const list = () => {
    lists++;
    return Promise.resolve(fake.engine.plans);
  };
  const fake = fakeApi({ definitions: { ...deps.definitions, list } });
  const plan = fake.engine.plans.find(({ steps }) =>
    steps.some(({ definition }) => definition.kind === "remote")
  )!;
  const { name, definition: { owner } } = plan.steps.find(({ definition }) =>
    definition.kind === "remote"
  )!;
  const counts = new Counts();
  counts.starts = 2;
  counts.ran.add(10);
  counts.addOutcome("completed");
  counts.addOutcome("timed_out");
  const cell = { version: plan.definition.version, policyVersion: 0, counts };
  const fromMs = fake.runtime.now() - 60_000;
  await fake.statistics.write(1, [{
    ...{ workflow: plan.workflow, fromMs, untilMs: fromMs + 10_000, ofSteps: true },
    body: encodeCells([{ ...cell, step: name }, { ...cell, step: "not_there" }]),
  }]);
  const ask = (key?: string) =>
    fake.json<OperationResult<"getSystemStatistics">>(
      "GET /v1/statistics/systems?intervals=60",
      key === undefined ? {} : { key },
    );

  const first = await ask();
  await fake.runtime.advance(5_000);
  const again = await ask();
  const elsewhere = await ask(fake.key(["read"], ["nowhere"]));
  await fake.runtime.advance(5_000);
  const later = await ask();

  deepEqual(
    first.statistics.map(({ system, workflows, starts, failedShare: { share } }) => ({
      ...{ system, workflows, starts, share },
    })),
    [{ system: owner, workflows: [plan.workflow], starts: 2, share: 0.5 }],
  );
  equal(again.until, first.until);
  deepEqual(elsewhere.statistics, []);
  equal(later.until === first.until, false);
  equal(lists, 1, "the definitions are read once a minute for all keys");
});
