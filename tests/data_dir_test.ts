import assert from "node:assert/strict";
import { commandOf } from "../src/postgres/process.ts";

const SUPPORT = JSON.stringify(import.meta.resolve("./support/data_dir.ts"));
const EMBEDDED = JSON.stringify(import.meta.resolve("../src/postgres/embedded.ts"));

/** A run of tests that starts Postgres and never ends by itself. */
const KILLED = `
  import { makeDataDir } from ${SUPPORT};
  import { startEmbeddedPostgres } from ${EMBEDDED};
  const dataDir = makeDataDir("killed");
  await startEmbeddedPostgres({ dataDir, onLine: () => {} });
  console.log(dataDir);
  setInterval(() => {}, 60_000);`;

function run(source: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `data:application/typescript,${encodeURIComponent(source)}`],
    stdout: "piped",
  }).spawn();
}

Deno.test("what a killed run of tests leaves is ended and removed by the next run", async () => {
  const killed = run(KILLED);
  let dataDir = "";
  for await (const text of killed.stdout.pipeThrough(new TextDecoderStream())) {
    dataDir += text;
    if (dataDir.endsWith("\n")) break;
  }
  dataDir = dataDir.trim();
  const pidFile = await Deno.readTextFile(`${dataDir}/postgres/data/postmaster.pid`);
  const postgres = Number(pidFile.split("\n")[0]);
  assert.ok(await commandOf(postgres));
  killed.kill("SIGKILL");
  await killed.status;

  await run(`import ${SUPPORT};`).output();

  assert.equal(await commandOf(postgres), undefined);
  await assert.rejects(Deno.stat(dataDir), Deno.errors.NotFound);
});
