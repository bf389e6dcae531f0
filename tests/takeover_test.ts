/** Takeovers: three servers on one database; one is killed, or frozen, with 100 tasks in flight. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { makeDatabase } from "./support/postgres.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { type EventShown, idsOf, journalOf, startTask, taskEnded } from "./support/tasks.ts";

const WORKFLOWS = new URL("./fixtures/workflows", import.meta.url).pathname;
const WORKFLOW = "test/slow";
const STEPS = ["s1", "s2", "s3", "s4", "s5", "s6"];
const TASKS = 100;
const ALL_MS_MAX = 90_000;

type Three = readonly [Served, Served, Served];

/** Three servers of one database. */
async function withThree(use: (three: Three) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("takeover");
  const { url } = await makeDatabase();
  const env = { DATABASE_URL: url, TASKER_WORKFLOWS: WORKFLOWS, TASKER_LOG: "warn" };
  await using servers = new AsyncDisposableStack();
  servers.defer(() => Deno.remove(dataDir, { recursive: true }));
  const next = async () => servers.use(await serve({ dataDir, env }));
  const three = [await next(), await next(), await next()] as const;
  await until("three servers to share the slots", 30_000, async () => {
    const own = await Promise.all(three.map((server, at) => startOne(server, `warm-${at}`)));
    return own.every(isId) || undefined;
  });
  await use(three);
}

async function startOne(server: Served, key: string): Promise<string> {
  return await startTask(server, { workflow: WORKFLOW, input: { n: 0 } }, key);
}

/** Starts `count` tasks at a server, whose own they are; it answers for each of them. */
async function startMany(server: Served, { count, prefix }: { count: number; prefix: string }) {
  const keys = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  const ids = await Promise.all(keys.map((key) => startOne(server, key)));
  assert.deepEqual(ids.filter((id) => !isId(id)), []);
  return ids;
}

/** Sends a hand's command; again under the same key while the server says "later". */
async function command(server: Served, { id, verb }: { id: string; verb: string }) {
  return await until(`${verb} of ${id} to be taken`, ALL_MS_MAX, async () => {
    const response = await fetch(`${server.url}/v1/tasks/${id}/${verb}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.key}`,
        "content-type": "application/json",
        "idempotency-key": `${verb}-${id}`,
      },
      body: JSON.stringify({ by: "ada", reason: "test" }),
    });
    await response.body?.cancel();
    return response.status === 503 ? undefined : response.status;
  });
}

/** Each task completed, each of its steps once, and its turns have no gap and no double. */
async function assertEachOnce(server: Served, ids: readonly string[]): Promise<void> {
  const journals = await Promise.all(ids.map((id) => journalOf(server, id)));
  const wrong = journals.map(faultOf).filter((fault) => fault !== undefined);
  assert.deepEqual(wrong, []);
}

function faultOf(events: readonly EventShown[]): string | undefined {
  const completed = events.filter(({ kind }) => kind === "StepCompleted").map(({ step }) => step);
  if (completed.join() !== STEPS.join()) return `completed ${completed}`;
  if (events.filter(({ kind }) => kind === "TaskEnded").length !== 1) {
    return "ended twice, or never";
  }
  if (events.some(({ kind }) => kind === "StepParked")) return "parked";
  const turns = [...new Set(events.map(({ turn }) => turn))];
  return turns.every((turn, index) => turn === index + 1) ? undefined : `turns ${turns}`;
}

async function completed(server: Served, ids: readonly string[]): Promise<void> {
  const tasks = await Promise.all(ids.map((id) => taskEnded(server, id, ALL_MS_MAX)));
  assert.deepEqual(tasks.filter(({ state }) => state !== "completed"), []);
}

/** Seconds from a moment until each interrupted task went on, the longest first. */
function takeoverSeconds(journals: readonly (readonly EventShown[])[], sinceMs: number): number[] {
  return journals
    .map((events) => events.find(({ kind }) => kind === "StepInterrupted"))
    .filter((event) => event !== undefined)
    .map(({ at }) => (Date.parse(at) - sinceMs) / 1_000)
    .sort((a, b) => b - a);
}

function isId(answer: string): boolean {
  return /^[0-9a-f-]{36}$/.test(answer);
}

Deno.test("of three servers with 100 tasks in flight one is killed with -9: all of its tasks go on", async () => {
  await withThree(async ([first, killed, third]) => {
    const others = await Promise.all([
      startMany(first, { count: 33, prefix: "first" }),
      startMany(third, { count: 33, prefix: "third" }),
    ]);
    const orphans = await startMany(killed, { count: TASKS - 66, prefix: "killed" });
    const killedAtMs = Date.now();

    killed.kill("SIGKILL");
    const ids = [...others.flat(), ...orphans];
    await completed(first, ids);

    await assertEachOnce(third, ids);
    const journals = await Promise.all(orphans.map((id) => journalOf(first, id)));
    const seconds = takeoverSeconds(journals, killedAtMs);
    assert.ok(seconds.length > 0, "nothing was in flight when the server was killed");
    console.log(`takeover of ${seconds.length} tasks: the last after ${seconds[0]} s (15 at most)`);
  });
});

Deno.test("a server that thaws amid new work writes nothing stale, and shares the work again", async () => {
  await withThree(async ([first, frozen, third]) => {
    const early = (await Promise.all([
      startMany(frozen, { count: 60, prefix: "frozen" }),
      startMany(first, { count: 40, prefix: "early" }),
    ])).flat();

    const frozenAtMs = Date.now();
    frozen.kill("SIGSTOP");
    await completed(first, early);
    const before = await Promise.all(early.map((id) => journalOf(first, id)));
    const late = await startMany(third, { count: 50, prefix: "late" });
    const frozenSeconds = (Date.now() - frozenAtMs) / 1_000;
    frozen.kill("SIGCONT");

    await completed(third, late);
    const own = await until("the thawed server to start tasks", 30_000, async () => {
      const id = await startOne(frozen, "thawed").catch(() => "");
      return isId(id) ? id : undefined;
    });
    await completed(frozen, [own]);
    await assertEachOnce(first, [...early, ...late, own]);
    const after = await Promise.all(early.map((id) => journalOf(third, id)));
    assert.deepEqual(after, before);
    console.log(`frozen for ${frozenSeconds} s with ${early.length} tasks in flight`);
  });
});

Deno.test("a command sent twice, to two servers that do not own the task, is journaled once", async () => {
  await withThree(async ([owner, one, other]) => {
    const ids = await startMany(owner, { count: 20, prefix: "asked" });

    for (const verb of ["pause", "resume"]) {
      const answers = await Promise.all(ids.flatMap((id) => [
        command(one, { id, verb }),
        command(other, { id, verb }),
      ]));
      assert.deepEqual(new Set(answers), new Set([202]));
    }

    await completed(one, ids);
    await assertEachOnce(owner, ids);
    for (const id of ids) {
      const kinds = (await journalOf(other, id)).map(({ kind }) => kind);
      assert.deepEqual(kinds.filter((kind) => kind === "TaskPaused"), ["TaskPaused"], id);
      assert.deepEqual(kinds.filter((kind) => kind === "TaskResumed"), ["TaskResumed"], id);
    }
  });
});

Deno.test("a command for a task whose owner was just killed reaches its next owner", async () => {
  await withThree(async ([killed, one, other]) => {
    const ids = await startMany(killed, { count: 20, prefix: "left" });

    killed.kill("SIGKILL");
    const answers = await Promise.all(ids.map((id, at) => {
      return command(at % 2 === 0 ? one : other, { id, verb: "cancel" });
    }));

    assert.deepEqual(new Set(answers), new Set([202]));
    const tasks = await Promise.all(ids.map((id) => taskEnded(one, id, ALL_MS_MAX)));
    assert.deepEqual(new Set(tasks.map(({ state }) => state)), new Set(["cancelled"]));
    assert.equal((await idsOf(other, WORKFLOW)).length, ids.length + 3);
  });
});
