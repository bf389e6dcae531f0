import { deepEqual, equal, match, ok } from "node:assert/strict";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

async function started(count: number) {
  const cli = openCliHarness();
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await cli.fake.started());
  return { cli, ids: ids.toSorted().reverse() };
}

Deno.test("export writes each task of all pages once, as a line", async () => {
  const { cli, ids } = await started(450);

  const { code, out, err } = await cli.say("export");

  equal(code, 0);
  deepEqual(out.map((line) => JSON.parse(line).id).toSorted().reverse(), ids);
  deepEqual(err, ["450 rows of 450 tasks"]);
});

Deno.test("export writes tasks and journals as Parquet that another program reads", async () => {
  const { cli, ids } = await started(3);
  const folder = await Deno.makeTempDir();
  try {
    await cli.say("export", "--format", "parquet", "--out", `${folder}/tasks.parquet`);
    await cli.say(
      "export",
      "journals",
      "--format",
      "parquet",
      "--out",
      `${folder}/journals.parquet`,
    );
    const read = async (name: string) =>
      await parquetReadObjects({ file: await asyncBufferFromFile(`${folder}/${name}.parquet`) });

    const tasks = await read("tasks");
    const events = await read("journals");

    deepEqual(tasks.map(({ id }) => id).toSorted().reverse(), ids);
    ok(tasks.every(({ created_at }) => created_at instanceof Date));
    ok(tasks.every(({ ended_at }) => ended_at === null || ended_at === undefined));
    deepEqual(new Set(events.map(({ task_id }) => task_id)), new Set(ids));
    ok(events.every(({ kind, fields }) => kind !== "" && JSON.parse(String(fields)) !== undefined));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("export refuses a format that it has not, and Parquet to stdout", async () => {
  const { cli } = await started(1);

  const unknown = await cli.say("export", "--format", "csv");
  const nowhere = await cli.say("export", "--format", "parquet");

  deepEqual([unknown.code, nowhere.code], [2, 2]);
  match(unknown.err.join("\n"), /Cannot write "csv": expected jsonl or parquet/);
  match(nowhere.err.join("\n"), /add --out FILE/);
});

Deno.test("export leaves a file under its name only when it is whole", async () => {
  const { cli, ids } = await started(3);
  const folder = await Deno.makeTempDir();
  const out = `${folder}/tasks.jsonl`;
  try {
    await Deno.writeTextFile(out, "the one before");
    cli.interrupt.abort();
    const stopped = await cli.say("export", "--out", out);
    const kept = await Deno.readTextFile(out);
    const whole = await started(3);
    const done = await whole.cli.say("export", "--out", out);

    equal(stopped.code, 1);
    match(stopped.err.join("\n"), /stopped after 0 rows of 0 tasks in .*\.part: run it again/);
    equal(kept, "the one before");
    equal(done.code, 0);
    const lines = (await Deno.readTextFile(out)).trimEnd().split("\n");
    deepEqual(lines.map((line) => JSON.parse(line).id), whole.ids);
    deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["tasks.jsonl"]);
    equal(ids.length, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("export says where it stopped, and goes on there with --after", async () => {
  const { cli, ids } = await started(1_200);
  const task = await cli.fake.deps.exports.tasks({ namespaces: undefined, limit: 500 });
  const { exports } = cli.fake.deps;
  Object.assign(exports, {
    tasks: (filter: { after?: string }) => {
      if (filter.after === undefined) return Promise.resolve(task);
      cli.isUp = false;
      return Promise.reject(new Error("the server is gone"));
    },
  });

  const { code, out, err } = await cli.say("export");

  equal(code, 1);
  deepEqual(out.map((line) => JSON.parse(line).id), ids.slice(0, 500));
  match(err.join("\n"), new RegExp(`500 rows of 500 tasks: go on with --after ${ids[499]}`));
});

Deno.test("export counts what it wrote in words that fit, and fails where a journal is left out", async () => {
  const { cli } = await started(1);
  const one = await cli.say("export", "journals");
  const { exports } = cli.fake.deps;
  const error = new TaskerError("journal.too_slow", "Cannot read it: Postgres timed out");
  Object.assign(exports, {
    async *journals([place]: readonly { taskId: string }[]) {
      yield { taskId: place?.taskId, error };
    },
  });
  const none = await cli.say("export", "journals");

  deepEqual(one.err, ["1 row of 1 task"]);
  equal(none.code, 1);
  match(none.err.join("\n"), /left out the journal of .*0 rows of 1 task/s);
});
