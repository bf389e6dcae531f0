import { deepEqual, equal, match, ok } from "node:assert/strict";
import DENO_JSON from "../../deno.json" with { type: "json" };
import { startEmbeddedPostgres } from "../postgres/embedded.ts";
import { until } from "../postgres/retry_for.ts";
import { commandOf } from "../postgres/process.ts";
import { makeDataDir } from "../../tests/support/data_dir.ts";

/** Enough for a first start on a machine that does other things too. */
const RETRY = { withinMs: 60_000 };

/** What `deno task serve` grants the launcher: the tests must do with it, too. */
const SERVE_FLAGS = DENO_JSON.tasks.serve.split(" ").filter((word) => word.startsWith("--"));

/** Stands in for main.ts: needs its database, and drains on a signal or at the end of stdin. */
const SERVER = `
  import { takeNodeLock } from ${JSON.stringify(import.meta.resolve("./node_lock.ts"))};
  const mode = Deno.env.get("FAKE_MODE");
  const { hostname, port } = new URL(Deno.env.get("DATABASE_URL"));
  const drain = (why) => {
    if (mode === "stubborn") return console.log("does not drain");
    console.log("drained by " + why);
    Deno.exit(0);
  };
  Deno.addSignalListener("SIGINT", () => drain("SIGINT"));
  Deno.addSignalListener("SIGTERM", () => drain("SIGTERM"));
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const { state } = await Deno.permissions.query({ name: "run" });
  const secret = Deno.env.get("TASKER_DATA") + "/postgres/password";
  const read = await Deno.readTextFile(secret).then(() => "read", (error) => error.name);
  console.log("run " + state + ", password " + read);
  console.log("library " + Deno.env.get("TASKER_LIBRARY") + "|" + Deno.env.get("TASKER_LIBRARY_REASON"));
  if (mode === "hang" || mode === "exit0") {
    const lock = await takeNodeLock(Deno.env.get("TASKER_DATA"));
    console.log("the one before hung: " + lock.previousHung);
    if (mode === "exit0") Deno.exit(0);
    for (let beats = 0; beats < 30; beats++) {
      lock.beat();
      await new Promise((wake) => setTimeout(wake, 100));
    }
    console.log("tasker listening on http://127.0.0.1:8080 (pid " + Deno.pid + ")");
    for (;;);
  }
  if (mode?.startsWith("exit")) Deno.exit(Number(mode.slice(4)));
  console.log("tasker listening on http://127.0.0.1:8080 (pid " + Deno.pid + ")");
  for await (const _ of Deno.stdin.readable);
  drain("the end of stdin");`;

/** Stands in for documents_main.ts. */
const DOCUMENTS = `
  console.log(1);
  for await (const _ of Deno.stdin.readable);`;

/** Stands in for `deno task serve`: the same launch, of another server. */
const LAUNCHER = `
  import { launch } from ${JSON.stringify(import.meta.resolve("./launch.ts"))};
  const [root] = Deno.args;
  Deno.exit(await launch({
    env: Deno.env.toObject(),
    root,
    project: root,
    serverPath: root + "/server.ts",
    hangMs: Number(Deno.env.get("FAKE_HANG_MS") ?? 60_000),
    args: Deno.args.slice(1),
    build: async ({ onLine, signal }) => {
      if (Deno.env.get("FAKE_BUILD") !== "slow") {
        return { kind: "absent", reason: "first line\\nerror: no Rust\\nlast" };
      }
      onLine("Compiling");
      signal.addEventListener("abort", () => console.log("cargo was ended"));
      while (!await Deno.stat(root + "/built").catch(() => undefined)) {
        await new Promise((wake) => setTimeout(wake, 20));
      }
      return { kind: "built", libraryPath: root + "/built" };
    },
    onLine: console.log,
  }));`;

/** A folder with a server in it, and the data that launchers there share. */
class Project implements AsyncDisposable {
  readonly root = makeDataDir("launch");
  readonly data = `${this.root}/data`;

  constructor() {
    Deno.writeTextFileSync(`${this.root}/deno.json`, "{}");
    Deno.writeTextFileSync(`${this.root}/server.ts`, SERVER);
    Deno.writeTextFileSync(`${this.root}/launcher.ts`, LAUNCHER);
    Deno.mkdirSync(`${this.root}/src/server`, { recursive: true });
    Deno.writeTextFileSync(`${this.root}/src/server/documents_main.ts`, DOCUMENTS);
  }

  launch(env: Record<string, string> = {}): Launcher {
    return new Launcher(this.root, {
      DATABASE_URL: "",
      BUS_URL: "",
      REDIS_URL: "",
      TASKER_DATA: this.data,
      TASKER_ALLOW_ENV: "FAKE_MODE",
      ...env,
    });
  }

  /** The pid of Postgres; undefined when none runs. */
  async postgres(): Promise<number | undefined> {
    const file = `${this.data}/postgres/data/postmaster.pid`;
    const text = await Deno.readTextFile(file).catch(() => "");
    const pid = Number(text.split("\n")[0]);
    return await commandOf(pid) === undefined ? undefined : pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

/** A launcher in a process of its own, and all that it and its server have printed so far. */
class Launcher {
  readonly process: Deno.ChildProcess;
  /** Resolves when the launcher and its server have closed their output. */
  readonly closed: Promise<void>;
  output = "";

  constructor(root: string, env: Record<string, string>) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-lock", ...SERVE_FLAGS, `${root}/launcher.ts`, root],
      cwd: root,
      env,
      stdout: "piped",
    }).spawn();
    this.closed = this.#collect();
  }

  async #collect(): Promise<void> {
    for await (const text of this.process.stdout.pipeThrough(new TextDecoderStream())) {
      this.output += text;
    }
  }

  /** Waits until the server listens. Returns its pid. */
  async serverPid(): Promise<number> {
    const pid = await until(() => /\(pid (\d+)\)/.exec(this.output)?.[1], RETRY);
    ok(pid, `no server listens: ${this.output}`);
    return Number(pid);
  }

  async exitCode(): Promise<number> {
    const { code } = await this.process.status;
    await this.closed;
    return code;
  }
}

Deno.test("launch() stops Postgres and exits 0 when SIGTERM to the server drains it", async () => {
  await using project = new Project();
  const launcher = project.launch();
  const server = await launcher.serverPid();
  ok(await project.postgres());

  Deno.kill(server, "SIGTERM");

  equal(await launcher.exitCode(), 0);
  match(launcher.output, /drained by SIGTERM/);
  equal(await project.postgres(), undefined);
});

Deno.test("launch() passes SIGTERM and SIGINT on, and the two of one Ctrl-C once", async () => {
  await using project = new Project();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const launcher = project.launch();
    await launcher.serverPid();

    launcher.process.kill(signal);
    launcher.process.kill(signal);

    equal(await launcher.exitCode(), 0);
    equal(launcher.output.match(/drained by/g)?.length, 1);
    match(launcher.output, new RegExp(`drained by ${signal}`));
    equal(await project.postgres(), undefined);
  }
});

/** It may have ended already, though nobody has heard of it yet. */
function sendIfRunning(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

Deno.test("launch() ends a server that does not drain at the second Ctrl-C", async () => {
  await using project = new Project();
  const launcher = project.launch({ FAKE_MODE: "stubborn" });
  await launcher.serverPid();
  let code: number | undefined;
  const exit = launcher.exitCode().then((exitCode) => code = exitCode);

  await until(() => {
    // Once the server has ended, one more would end the launcher while it closes.
    const isOver = code !== undefined || launcher.output.includes("was ended by");
    if (!isOver) sendIfRunning(launcher.process, "SIGINT");
    return code;
  }, RETRY);

  equal(await exit, 1);
  equal(launcher.output.match(/does not drain/g)?.length, 1);
  equal(await project.postgres(), undefined);
});

Deno.test("launch() stops Postgres and exits 1 after kill -9 of the server", async () => {
  await using project = new Project();
  const launcher = project.launch();
  const server = await launcher.serverPid();

  Deno.kill(server, "SIGKILL");

  equal(await launcher.exitCode(), 1);
  match(launcher.output, /ended by SIGKILL/);
  equal(await project.postgres(), undefined);
});

Deno.test("launch() killed with -9 leaves a server that drains, and a Postgres to adopt", async () => {
  await using project = new Project();
  const first = project.launch();
  await first.serverPid();
  const postgres = await project.postgres();

  first.process.kill("SIGKILL");

  await first.closed;
  match(first.output, /drained by the end of stdin/);
  const second = project.launch();
  Deno.kill(await second.serverPid(), "SIGTERM");
  equal(await second.exitCode(), 0);
  match(second.output, new RegExp(`was running already .*pid ${postgres}`));
  equal(await project.postgres(), undefined);
});

Deno.test("launch() twice in one folder shares Postgres until the last one ends", async () => {
  await using project = new Project();
  const one = project.launch();
  const other = project.launch();
  const [server, otherServer] = await Promise.all([one.serverPid(), other.serverPid()]);

  Deno.kill(server, "SIGTERM");

  equal(await one.exitCode(), 0);
  ok(await project.postgres());
  Deno.kill(otherServer, "SIGTERM");
  equal(await other.exitCode(), 0);
  equal(await project.postgres(), undefined);
});

Deno.test("launch() ends a server whose event loop hangs, and the next one knows", async () => {
  await using project = new Project();
  const launcher = project.launch({ FAKE_MODE: "hang", FAKE_HANG_MS: "2000" });

  equal(await launcher.exitCode(), 1);

  match(launcher.output, /event loop has stood still for 2 s.*endless loop/);
  equal(await project.postgres(), undefined);
  const next = project.launch({ FAKE_MODE: "exit0" });
  equal(await next.exitCode(), 0);
  match(next.output, /the one before hung: true/);
});

Deno.test("launch() stops at SIGTERM, though the server hangs and cannot hear it", async () => {
  await using project = new Project();
  const launcher = project.launch({ FAKE_MODE: "hang" });
  await launcher.serverPid();

  launcher.process.kill("SIGTERM");

  equal(await launcher.exitCode(), 1);
  match(launcher.output, /event loop has stood still for 5 s/);
  equal(await project.postgres(), undefined);
});

Deno.test("launch() exits with the server's own code", async () => {
  await using project = new Project();
  const codes: number[] = [];
  for (const FAKE_MODE of ["exit0", "exit1", "exit2"]) {
    codes.push(await project.launch({ FAKE_MODE }).exitCode());
  }

  deepEqual(codes, [0, 1, 2]);
});

Deno.test("launch() exits 2 for bad configuration, and starts nothing", async () => {
  await using project = new Project();

  const launcher = project.launch({ TASKER_PORT: "none" });

  equal(await launcher.exitCode(), 2);
  match(launcher.output, /TASKER_PORT: "none" is not a port/);
  equal(await Deno.stat(project.data).catch(() => undefined), undefined);
});

Deno.test("launch() exits 1 when Postgres cannot be started", async () => {
  await using project = new Project();
  await Deno.mkdir(project.data);
  await Deno.writeTextFile(`${project.data}/postgres.location`, "/nowhere");

  const launcher = project.launch();

  equal(await launcher.exitCode(), 1);
  match(launcher.output, /Cannot find the Postgres files/);
});

Deno.test("launch() gives the server its permissions only, and says which core it has", async () => {
  await using project = new Project();

  const launcher = project.launch({ FAKE_MODE: "exit0" });

  await launcher.exitCode();
  match(launcher.output, /run prompt, password NotCapable/);
  match(launcher.output, /serving with the TypeScript core: error: no Rust\n/);
  match(launcher.output, /library \|error: no Rust\n/);
});

Deno.test("launch() serves while the Rust core is built, and says when the next start takes it", async () => {
  await using project = new Project();
  const launcher = project.launch({ FAKE_BUILD: "slow" });
  const server = await launcher.serverPid();
  match(launcher.output, /library \|the Rust core is being built\n/);

  await Deno.writeTextFile(`${project.root}/built`, "");

  ok(
    await until(
      () => /is built .*: the next start takes it/.test(launcher.output) || undefined,
      RETRY,
    ),
  );
  Deno.kill(server, "SIGTERM");
  equal(await launcher.exitCode(), 0);
});

Deno.test("launch() ends a build that nobody waits for any more", async () => {
  await using project = new Project();
  const launcher = project.launch({ FAKE_BUILD: "slow" });

  Deno.kill(await launcher.serverPid(), "SIGTERM");

  equal(await launcher.exitCode(), 0);
  match(launcher.output, /cargo was ended/);
});

Deno.test("launch() takes DATABASE_URL in place of a Postgres of its own", async () => {
  await using project = new Project();
  await using elsewhere = new Project();
  const embedded = await startEmbeddedPostgres({ dataDir: elsewhere.data, onLine: () => {} });

  const launcher = project.launch({ DATABASE_URL: embedded.url });

  Deno.kill(await launcher.serverPid(), "SIGTERM");
  equal(await launcher.exitCode(), 0);
  equal(await Deno.stat(`${project.data}/postgres`).catch(() => undefined), undefined);
  ok(await elsewhere.postgres());
  await embedded.stop();
});
