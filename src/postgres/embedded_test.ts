import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import postgres from "postgres";
import { TaskerError } from "../core/errors.ts";
import { makeDataDir } from "../../tests/support/data_dir.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded.ts";
import { openPostgresDir } from "./postgres_dir.ts";
import { until } from "./retry_for.ts";
import { commandOf } from "./process.ts";
import { findBinaries } from "./binaries.ts";

const isRoot = Deno.uid() === 0;

/** Enough for a first start on a machine that does other things too. */
const RETRY = { withinMs: 60_000 };

/** A folder that every uid can reach, removed at the end. */
class Folder implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly path = makeDataDir("embedded");

  start(): Promise<EmbeddedPostgres> {
    return startEmbeddedPostgres({ dataDir: this.path, onLine: (line) => this.lines.push(line) });
  }

  /** The pid in the file that Postgres keeps while it runs. */
  async pid(): Promise<number> {
    const text = await Deno.readTextFile(`${this.path}/postgres/data/postmaster.pid`);
    return Number(text.split("\n")[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function query(url: string, text: string): Promise<Record<string, unknown>> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    const rows = await sql.unsafe(text);
    return { ...rows[0] };
  } finally {
    await sql.end();
  }
}

async function hasEnded(pid: number): Promise<boolean> {
  return await until(async () => await commandOf(pid) === undefined || undefined, RETRY) ??
    false;
}

/** A launcher in a process of its own; it prints its lines, then "up", and waits to be killed. */
function spawnLauncher(dataDir: string, serverPid?: number) {
  const source = `
    import { startEmbeddedPostgres } from ${JSON.stringify(import.meta.resolve("./embedded.ts"))};
    const embedded = await startEmbeddedPostgres({ dataDir: Deno.args[0], onLine: console.log });
    const pid = Number(Deno.args[1]);
    if (pid > 0) await embedded.usedBy({ pid, endsWithinMs: 100 });
    console.log("up");
    setInterval(() => {}, 60_000);`;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-config",
      `data:application/typescript,${encodeURIComponent(source)}`,
      dataDir,
      String(serverPid ?? 0),
    ],
    stdout: "piped",
  }).spawn();
}

async function lineOf(launcher: Deno.ChildProcess, wanted: string): Promise<void> {
  let text = "";
  for await (const piece of launcher.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes(wanted)) return;
  }
  throw new Error(`the launcher ended without "${wanted}": ${text}`);
}

async function killAt(launcher: Deno.ChildProcess, line: string): Promise<void> {
  await lineOf(launcher, line);
  launcher.kill("SIGKILL");
  await launcher.status;
}

Deno.test("startEmbeddedPostgres() makes a durable Postgres in an empty folder", async () => {
  await using folder = new Folder();

  const embedded = await folder.start();

  const settings = await query(
    embedded.url,
    `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
            current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding,
            current_setting('max_connections')::int >= 100 as connections`,
  );
  await embedded.stop();
  equal(embedded.adopted, false);
  deepEqual(settings, {
    fsync: "on",
    commit: "on",
    checksums: "on",
    encoding: "UTF8",
    connections: true,
  });
});

Deno.test("startEmbeddedPostgres() lets nobody in without the password", async () => {
  await using folder = new Folder();
  const embedded = await folder.start();
  const url = new URL(embedded.url);
  url.password = "wrong";

  const answer = query(url.href, "select 1");

  await rejects(answer, { code: "28P01" });
  await embedded.stop();
  const password = await Deno.stat(`${folder.path}/postgres/password`);
  equal((password.mode ?? 0) & 0o777, 0o600);
  ok(!folder.lines.join("\n").includes(new URL(embedded.url).password));
});

Deno.test("stop() ends Postgres, and a second stop() changes nothing", async () => {
  await using folder = new Folder();
  const embedded = await folder.start();
  const pid = await folder.pid();

  await embedded.stop();
  await embedded.stop();

  ok(await hasEnded(pid));
});

Deno.test("startEmbeddedPostgres() opens the data of the last start", async () => {
  await using folder = new Folder();
  const first = await folder.start();
  await query(first.url, "create table kept as select 42 as answer");
  await first.stop();

  const second = await folder.start();

  deepEqual(await query(second.url, "select answer from kept"), { answer: 42 });
  equal(second.adopted, false);
  await second.stop();
});

Deno.test("startEmbeddedPostgres() recovers what was committed before kill -9 of all", async () => {
  await using folder = new Folder();
  const first = await folder.start();
  await query(first.url, "create table kept as select 42 as answer");
  await first.stop();
  await killAt(spawnLauncher(folder.path), "up");
  const pid = await folder.pid();
  Deno.kill(pid, "SIGKILL");
  ok(await hasEnded(pid));

  const second = await folder.start();

  deepEqual(await query(second.url, "select answer from kept"), { answer: 42 });
  equal(second.adopted, false);
  await second.stop();
});

Deno.test("startEmbeddedPostgres() starts Postgres again, in its place, when it is killed", async () => {
  await using folder = new Folder();
  const embedded = await folder.start();
  await query(embedded.url, "create table kept as select 42 as answer");
  const pid = await folder.pid();

  Deno.kill(pid, "SIGKILL");

  const isBack = () => folder.lines.some((line) => line.includes("runs again")) || undefined;
  ok(await until(isBack, RETRY));
  deepEqual(await query(embedded.url, "select answer from kept"), { answer: 42 });
  const pidAfter = await folder.pid();
  notEqual(pidAfter, pid);
  await embedded.stop();
  ok(await hasEnded(pidAfter));
});

Deno.test("startEmbeddedPostgres() starts Postgres again however often it ends, where servers look for it", async () => {
  await using folder = new Folder();
  const embedded = await folder.start();

  for (const [ends, signal] of (["SIGTERM", "SIGKILL", "SIGTERM"] as const).entries()) {
    Deno.kill(await folder.pid(), signal);
    const revivals = () => folder.lines.filter((line) => line.includes("runs again")).length;
    ok(await until(() => revivals() > ends || undefined, RETRY));
  }

  deepEqual(await query(embedded.url, "select 1 as one"), { one: 1 });
  await embedded.stop();
});

Deno.test("startEmbeddedPostgres() starts Postgres again that it had adopted", async () => {
  await using folder = new Folder();
  await killAt(spawnLauncher(folder.path), "up");
  const embedded = await folder.start();
  const pid = await folder.pid();

  Deno.kill(pid, "SIGKILL");

  const isBack = () => folder.lines.some((line) => line.includes("runs again")) || undefined;
  ok(await until(isBack, RETRY));
  equal(embedded.adopted, true);
  deepEqual(await query(embedded.url, "select 1 as one"), { one: 1 });
  await embedded.stop();
});

Deno.test("the death of a launcher leaves neither its Postgres nor a server that hangs behind", async () => {
  await using folder = new Folder();
  const server = new Deno.Command("sleep", { args: ["600"] }).spawn();
  await killAt(spawnLauncher(folder.path, server.pid), "up");

  ok(await hasEnded(await folder.pid()));

  equal((await server.status).signal, "SIGKILL");
});

Deno.test("startEmbeddedPostgres() adopts what a killed launcher left running", async () => {
  await using folder = new Folder();
  await killAt(spawnLauncher(folder.path), "up");
  const pid = await folder.pid();

  const embedded = await folder.start();

  equal(embedded.adopted, true);
  equal(await folder.pid(), pid);
  deepEqual(await query(embedded.url, "select 1 as one"), { one: 1 });
  await embedded.stop();
  ok(await hasEnded(pid));
});

Deno.test("stop() leaves Postgres to the other users, and the last one ends it", async () => {
  await using folder = new Folder();
  const [one, other] = await Promise.all([folder.start(), folder.start()]);
  const pid = await folder.pid();

  await one.stop();

  deepEqual(await query(other.url, "select 1 as one"), { one: 1 });
  equal(one.url, other.url);
  notEqual(one.adopted, other.adopted);
  await other.stop();
  ok(await hasEnded(pid));
});

Deno.test("startEmbeddedPostgres() begins anew after a start killed while it made the data", async () => {
  await using folder = new Folder();
  await killAt(spawnLauncher(folder.path), "making the Postgres data folder");

  const embedded = await folder.start();

  deepEqual(await query(embedded.url, "select 1 as one"), { one: 1 });
  equal(embedded.adopted, false);
  await embedded.stop();
});

Deno.test("startEmbeddedPostgres() starts though a stranger has the number in postmaster.pid", async () => {
  await using folder = new Folder();
  const first = await folder.start();
  await first.stop();
  const { account } = await openPostgresDir({ dataDir: folder.path, onLine: () => {} });
  const stranger = new Deno.Command("sleep", { args: ["600"], cwd: "/", ...account }).spawn();
  const data = `${folder.path}/postgres/data`;
  const lines = [stranger.pid, data, 1_700_000_000, 5432, "", "127.0.0.1", "", "ready"];
  await Deno.writeTextFile(`${data}/postmaster.pid`, lines.join("\n") + "\n");

  const second = await folder.start();

  equal(second.adopted, false);
  deepEqual(await query(second.url, "select 1 as one"), { one: 1 });
  await second.stop();
  stranger.kill("SIGKILL");
  await stranger.status;
});

Deno.test({
  name: "startEmbeddedPostgres() of root runs as another uid, in the folder it was given",
  ignore: !isRoot,
  fn: async () => {
    await using folder = new Folder();

    const embedded = await folder.start();

    const { uid } = await Deno.stat(`/proc/${await folder.pid()}`);
    await embedded.stop();
    equal(uid, 65_534);
  },
});

Deno.test({
  name: "startEmbeddedPostgres() of root takes over a folder that was its uid's, with the data",
  ignore: !isRoot,
  fn: async () => {
    await using folder = new Folder();
    const first = await folder.start();
    await query(first.url, "create table kept as select 42 as answer");
    await first.stop();
    await Deno.chown(`${folder.path}/postgres`, 65_534, 65_534);
    await Deno.chmod(`${folder.path}/postgres`, 0o700);

    const second = await folder.start();

    deepEqual(await query(second.url, "select answer from kept"), { answer: 42 });
    await second.stop();
    equal((await Deno.stat(`${folder.path}/postgres`)).uid, 0);
  },
});

Deno.test({
  name: "startEmbeddedPostgres() of root remembers the folder it chose when its uid is locked out",
  ignore: !isRoot,
  fn: async () => {
    await using folder = new Folder();
    await Deno.chmod(folder.path, 0o700);

    const first = await folder.start();
    await query(first.url, "create table kept as select 42 as answer");
    await first.stop();
    const linesOfFirst = folder.lines.splice(0);
    const second = await folder.start();

    const elsewhere = await Deno.readTextFile(`${folder.path}/postgres.location`);
    deepEqual(await query(second.url, "select answer from kept"), { answer: 42 });
    await second.stop();
    await Deno.remove(elsewhere, { recursive: true });
    equal(linesOfFirst.filter((line) => line.includes(elsewhere)).length, 1);
    equal(folder.lines.filter((line) => line.includes(elsewhere)).length, 0);
  },
});

Deno.test("startEmbeddedPostgres() refuses to begin anew when its remembered folder is gone", async () => {
  await using folder = new Folder();
  await Deno.writeTextFile(`${folder.path}/postgres.location`, `${folder.path}/gone`);

  const start = folder.start();

  await rejects(start, (error) => {
    ok(error instanceof TaskerError);
    equal(error.code, "journal.unavailable");
    match(error.message, /postgres\.location/);
    return true;
  });
});

Deno.test("findBinaries() names DATABASE_URL when no Postgres can read the data", async () => {
  await using folder = new Folder();
  const dir = await openPostgresDir({ dataDir: folder.path, onLine: () => {} });

  const search = findBinaries({ dir, major: 9, onLine: () => {} });

  await rejects(search, (error) => {
    ok(error instanceof TaskerError);
    equal(error.code, "journal.unavailable");
    match(error.message, /DATABASE_URL/);
    return true;
  });
});
