import { deepEqual, equal, match, ok } from "node:assert/strict";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
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
      "--journals",
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
