import { deepEqual, ok, rejects } from "node:assert/strict";
import postgres from "postgres";
import type { TaskId } from "../src/core/ids.ts";
import { type IncidentSteps, incidentWorkflow } from "../src/heal/incident.ts";
import { workflow, z } from "../src/mod.ts";
import { openRealEngine, type RealEngine } from "../tests/support/engine.ts";
import { makeDatabase } from "../tests/support/postgres.ts";
import { until } from "../tests/support/serve.ts";

const PAGE = await Deno.readTextFile(new URL("sql.md", import.meta.url));

/** The statements under each heading of the ten queries. */
const QUERIES = new Map(
  [...PAGE.matchAll(/^### (.+)\n\n```sql\n([^]*?)^```$/gm)].map(([, name, sql]) =>
    [String(name), String(sql)] as const
  ),
);

const Failed = z.object({ error_code: z.string(), error_message: z.string() });

const Order = z.object({
  total: z.number(),
  region: z.string(),
  card: z.string().meta({ writeOnly: true }),
});

const order = workflow({
  namespace: "shop",
  name: "order",
  version: "1.0.0",
  input: Order,
  search: { region: { from: "$.input.region" }, total: { from: "$.input.total", type: "number" } },
}, (w) => {
  const charged = w.step("charge", {
    input: Order,
    success: z.object({ paid: z.boolean() }),
    error: Failed,
    retry: { attemptsMax: 2, backoff: "none", delayMsMin: 1 },
    run: ({ input: { total, card }, attempt, fail }) => {
      const error = { error_code: "card_declined", error_message: `not ${card}` };
      if (total > 100 || attempt === 1 && total > 50) return fail(error, { retryable: true });
      return { paid: true };
    },
  });
  w.signal("approval", { after: [charged], success: z.object({ ok: z.boolean() }) });
});

const DEGRADATION = {
  workflow: "shop/order",
  step: "charge",
  signal: "failures",
  saturated: false,
  sinceMs: 0,
  windowMs: 1,
  now: figures(0.5),
  before: figures(0),
  chance: 0,
} as const;

function figures(failedShare: number) {
  return { attempts: 9, perMinute: 9, failedShare, timedOutShare: 0, retriedShare: 0 };
}

const INCIDENT: IncidentSteps = {
  diagnose: () =>
    Promise.resolve({ failureType: "bad_input", confidence: 0.9, says: "", evidence: [] }),
  propose: () => Promise.resolve({ proposals: [], notes: [] }),
  apply: () => Promise.resolve({ isApplied: true, says: "", atMs: 1 }),
  judge: () => Promise.resolve({ verdict: "better", says: "" } as const),
  conclude: () => Promise.resolve({ outcome: "kept", says: "", atMs: Date.now() } as const),
  release: () => Promise.resolve({ outcome: "kept", says: "", atMs: Date.now() } as const),
  learn: () => Promise.resolve({ before: figures(0), during: figures(0), minutes: [] }),
};

const WAIT_MS = 20_000;

/** What a contract marks with writeOnly, and an error repeats. */
const CARD = "4111-secret";

const of = { workflow: "shop/order" };
const ofShop = { namespace: "shop", workflow: "order" };
const ofCharge = { ...ofShop, step_name: "charge" };

/** One order that waits, one that waits after a second attempt, one that is parked and one that was. */
async function fill(engine: RealEngine): Promise<void> {
  const { router } = engine.engine;
  const start = (total: number, region: string) =>
    engine.start("shop/order", { total, region, card: CARD });
  const becomes = (id: TaskId, state: string) =>
    until(`state ${state}`, WAIT_MS, async () => {
      const task = await engine.journal.history.task(id);
      return task?.state === state ? task : undefined;
    });
  // One after the other: some queries order tasks by how long they have waited.
  const begun = async (total: number, region: string, state: string) => {
    const { taskId } = await start(total, region);
    await becomes(taskId, state);
    return taskId;
  };
  await begun(10, "eu", "waiting");
  await begun(60, "us", "waiting");
  await begun(200, "eu", "blocked");
  const taskId = await begun(300, "us", "blocked");
  const { taskId: incident } = await engine.start("tasker/incident", {
    about: "it",
    number: 1,
    degradation: DEGRADATION,
  });
  const by = { by: "ada", reason: "known" };
  await router.send({ kind: "SkipStep", taskId, commandId: "1", step: "charge", ...by } as never);
  await router.send({ kind: "CancelTask", taskId, commandId: "2", ...by });
  await becomes(taskId, "cancelled");
  await becomes(incident, "waiting");
  const payload = JSON.stringify({ approved: true, by: "ada", reason: "" });
  await router.send(
    { kind: "SendSignal", taskId: incident, commandId: "3", name: "approval", payload } as never,
  );
  await becomes(incident, "completed");
}

/** What each query gives of `fill`, without what differs from run to run. */
const EXPECTED: Readonly<Record<string, readonly object[]>> = {
  "What waits for a person, and for how long": [
    { ...of, parked_steps: [], error_codes: [], needs: ["signal"] },
    { ...of, parked_steps: [], error_codes: [], needs: ["signal"] },
    { ...of, parked_steps: ["charge"], error_codes: ["card_declined"], needs: ["choice"] },
  ],
  "How the tasks of the last day ended, by workflow": [
    { ...ofShop, version: "1.0.0", tasks: "4", failed: "0", failed_percent: "0.0" },
  ],
  "Tasks and failures by hour": [{ tasks: "4", failed: "0" }],
  "The slowest steps: medians and 95th percentiles, waiting and running apart": [
    { ...ofShop, step_name: "charge", attempts: "2" },
  ],
  "What fails, by step and code": [
    { ...ofCharge, outcome: "failed", error_code: "card_declined", attempts: "5", tasks: "3" },
  ],
  "How many attempts it takes: steps that succeed only when repeated": [
    { ...ofCharge, attempt: 2, completed: "1" },
  ],
  "Tasks by the value of a search attribute": [
    { region: "us", tasks: "2", total: "360" },
    { region: "eu", tasks: "2", total: "210" },
  ],
  "Where the tasks are that have not ended: steps by state": [
    { ...ofShop, step_name: "approval", state: "waiting_for_reply", steps: "2" },
    { ...ofShop, step_name: "charge", state: "parked", steps: "1" },
  ],
  "What people decided by hand": [
    { by_whom: "ada", kind: "TaskCancelRequested", ...of, step_name: null },
    { by_whom: "ada", kind: "StepSkipped", ...of, step_name: "charge" },
  ],
  "What incidents changed, and what came of it": [
    {
      ...of,
      step_name: "charge",
      signal: "failures",
      incidents: "1",
      applied: "1",
      kept: "1",
      reverted: "0",
    },
  ],
};

/** Times, durations and ids. */
const VARYING = /^(age|took|at|hour|oldest|last_at|task_id|(ran|waited)_.*)$/;

Deno.test("each query of the page on SQL gives what its heading says, to a role that may only read", async () => {
  await using scene = await openScene();
  const { reader } = scene;

  const given: Record<string, unknown> = {};
  for (const [name, text] of QUERIES) {
    const rows = await reader.unsafe(text);
    given[name] = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([column]) => !VARYING.test(column)))
    );
  }

  deepEqual(Object.keys(given), Object.keys(EXPECTED));
  for (const [name, rows] of Object.entries(EXPECTED)) {
    deepEqual({ [name]: given[name] }, { [name]: rows });
  }
});

Deno.test("a role that reads tasker_read sees no payload, and only payloads hold what is writeOnly", async () => {
  await using scene = await openScene();
  const { owner, reader } = scene;
  const views = await owner.unsafe(
    "select table_name, column_name from information_schema.columns where table_schema = 'tasker_read'",
  );
  const names = [...new Set(views.map((row) => String(row.table_name)))];

  const shown = [];
  for (const name of names) shown.push(...await reader.unsafe(`select * from tasker_read.${name}`));
  const payloads = await owner.unsafe("select payload from tasker_payload.events");

  ok(names.length >= 11 && shown.length > 30, `${names.length} views, ${shown.length} rows`);
  ok(!JSON.stringify(shown).includes(CARD));
  ok(JSON.stringify(payloads).includes(CARD));
  await rejects(
    reader.unsafe("select * from tasker_payload.events").execute(),
    /permission denied/,
  );
  await rejects(reader.unsafe("select * from tasker.journal").execute(), /permission denied/);
});

Deno.test("the page on SQL names every column of every view", async () => {
  await using scene = await openScene({ isEmpty: true });
  const rows = await scene.owner.unsafe(
    `select table_schema || '.' || table_name as view, array_agg(column_name::text) as columns
     from information_schema.columns
     where table_schema in ('tasker_read', 'tasker_payload')
     group by 1
     order by 1`,
  );

  const inPage = new Map(
    [...PAGE.matchAll(/^\| `(tasker_\w+\.\w+)` .*\|(.*)\|$/gm)].map((
      [, view = "", columns = ""],
    ) => [view, [...columns.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)]),
  );

  deepEqual([...inPage.keys()].sort(), rows.map(({ view }) => view));
  for (const { view, columns } of rows) {
    const missing = (columns as string[]).filter((name) => !inPage.get(view)?.includes(name));
    deepEqual(missing, [], view);
  }
});

/** A database, its owner, and a role with the grants of the page. */
async function openScene({ isEmpty = false } = {}) {
  const { url } = await makeDatabase();
  const engine = await openRealEngine(url, {
    modules: [order],
    own: [incidentWorkflow(() => INCIDENT)],
  });
  if (!isEmpty) await fill(engine);
  const owner = postgres(url, { max: 1, onnotice: () => {} });
  const reader = postgres(url, { max: 1, onnotice: () => {} });
  const role = `analyst_${crypto.randomUUID().slice(0, 8)}`;
  const [grants = ""] = /^create role analyst[^]*?(?=^```)/m.exec(PAGE) ?? [];
  await owner.unsafe(grants.replaceAll("analyst", role));
  await reader.unsafe(`set role ${role}`);
  return {
    owner,
    reader,
    async [Symbol.asyncDispose]() {
      await reader.end();
      await owner.unsafe(`drop owned by ${role}; drop role ${role}`);
      await owner.end();
      await engine[Symbol.asyncDispose]();
    },
  };
}
