/** A real RabbitMQ for tests: found or fetched, started as a direct child, killed at the end. */

import { cacheFolder, freePort, freeze, isOpen, kill, run } from "./programs.ts";

/** Where Debian's package puts the server; the command on the PATH switches to another user. */
const INSTALLED = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Debian's packages that a server needs; unpacked into a folder, nothing is installed. */
const PACKAGES = [
  "rabbitmq-server",
  ...[
    "asn1",
    "base",
    "crypto",
    "eldap",
    "inets",
    "mnesia",
    "os-mon",
    "parsetools",
    "public-key",
    "runtime-tools",
    "ssl",
    "syntax-tools",
    "tools",
    "xmerl",
  ].map((name) => `erlang-${name}`),
];

/** How long fetching the packages may take: 35 MB. */
const FETCH_MS_MAX = 180_000;

/** How long a server may take until it answers; a loaded machine needs some. */
const START_MS_MAX = 120_000;

/** How many sets of ports are tried: another process may take one that was free. */
const PORTS_MAX = 5;

/** Rest between two looks at a server that starts. */
const LOOK_MS = 50;

/** One running server with a folder of its own. */
export interface TestRabbit extends AsyncDisposable {
  /** `amqp://guest:guest@127.0.0.1:port`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /**
   * Resolves when the server has stored which queues there are. A crash of 3.10 in the half second
   * after it made a queue loses it with all that was confirmed, and nobody can use its name again.
   */
  settle(): Promise<void>;
  /** Runs the server's administration, `rabbitmqctl`. @throws what it says of a failure */
  control(args: readonly string[]): Promise<void>;
  /** Ends the server as a crash does; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again on its files, killing it first if it runs; resolves when it serves. */
  restart(): Promise<void>;
  /** Starts it again on nothing, as after a loss of its disk. */
  restartEmpty(): Promise<void>;
  /** Freezes the server: connections stay open, and nothing answers. */
  pause(): void;
  /** Ends the freeze. */
  resume(): void;
}

/** Why there is no RabbitMQ here. */
export interface NoRabbit {
  readonly reason: string;
}

/**
 * Starts a server on free ports, or says why there is none. `TEST_RABBITMQ_SERVER` names one; `more`
 * are lines of its configuration.
 */
export async function startRabbit(more: readonly string[] = []): Promise<TestRabbit | NoRabbit> {
  const kit = await (found ??= findKit());
  if ("reason" in kit) return kit;
  const folder = await Deno.makeTempDir({ prefix: "tasker-rabbitmq-" });
  for (let tries = 1;; tries++) {
    const place = { kit, folder, port: freePort(), distPort: freePort(), epmdPort: freePort() };
    await configure(folder, more);
    const epmd = new Deno.Command("epmd", {
      args: ["-port", String(place.epmdPort), "-address", "127.0.0.1"],
      env: envOf(place),
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      return rabbitOf(place, epmd, await launch(place));
    } catch (error) {
      await kill(epmd);
      if (tries === PORTS_MAX) throw error;
    }
  }
}

let found: Promise<Kit | NoRabbit> | undefined;

interface Kit {
  /** The program. */
  readonly server: string;
  /** What goes before the PATH: where `erl` and `epmd` are. */
  readonly path: string;
}

interface Place {
  readonly kit: Kit;
  readonly folder: string;
  readonly port: number;
  readonly distPort: number;
  readonly epmdPort: number;
}

function rabbitOf(
  place: Place,
  epmd: Deno.ChildProcess,
  first: Deno.ChildProcess,
): TestRabbit {
  const { folder, port } = place;
  let child = first;
  const restart = async () => {
    await kill(child);
    child = await launch(place);
  };
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid;
    },
    settle: () => control(place, ["eval", "[dets:sync(Name) || Name <- dets:all()]."]),
    control: (args) => control(place, args),
    kill9: () => kill(child),
    restart,
    async restartEmpty() {
      await kill(child);
      await Deno.remove(`${folder}/mnesia`, { recursive: true });
      await restart();
    },
    pause: () => freeze(child),
    resume: () => child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await kill(child);
      await kill(epmd);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function control(place: Place, args: readonly string[]): Promise<void> {
  const command = place.kit.server.replace("rabbitmq-server", "rabbitmqctl");
  const options = { args: [...args], env: envOf(place) };
  const { success, stderr } = await new Deno.Command(command, options).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function configure(folder: string, more: readonly string[]): Promise<void> {
  await Deno.mkdir(`${folder}/home`, { recursive: true });
  const cookie = `${folder}/home/.erlang.cookie`;
  await Deno.writeTextFile(cookie, "of-a-test");
  await Deno.chmod(cookie, 0o400);
  await Deno.writeTextFile(`${folder}/enabled_plugins`, "[].");
  await Deno.writeTextFile(`${folder}/advanced.config`, "[].");
  const settings = [
    "loopback_users.guest = true",
    "log.console = false",
    "log.file.level = warning",
    "vm_memory_high_watermark.absolute = 512MiB",
    "disk_free_limit.absolute = 50MB",
    ...more,
  ];
  await Deno.writeTextFile(`${folder}/rabbitmq.conf`, settings.join("\n"));
}

function envOf({ kit, folder, port, distPort, epmdPort }: Place): Record<string, string> {
  return {
    HOME: `${folder}/home`,
    PATH: `${kit.path}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: "test@localhost",
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
    RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/advanced.config`,
    RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_LOGS: `${folder}/rabbitmq.log`,
    RABBITMQ_PID_FILE: `${folder}/rabbitmq.pid`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
    RABBITMQ_FEATURE_FLAGS_FILE: `${folder}/feature_flags`,
    RABBITMQ_GENERATED_CONFIG_DIR: `${folder}/config`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    // Idle schedulers would spin, and the processors are shared.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
    // The script then becomes the server, so that the child can be killed and frozen.
    RUNNING_UNDER_SYSTEMD: "true",
  };
}

/** Starts a server and waits until it serves: its port opens last. */
async function launch(place: Place): Promise<Deno.ChildProcess> {
  const { kit, folder, port } = place;
  const child = new Deno.Command(kit.server, {
    env: envOf(place),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  void child.status.then(() => hasEnded = true);
  const deadline = Date.now() + START_MS_MAX;
  while (!hasEnded && Date.now() < deadline) {
    if (await isOpen(port)) return child;
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
  await kill(child);
  const log = await Deno.readTextFile(`${folder}/rabbitmq.log`).catch(() => "it wrote no log");
  throw new Error(`RabbitMQ does not answer on port ${port}:\n${log.slice(-4_000)}`);
}

async function findKit(): Promise<Kit | NoRabbit> {
  const given = Deno.env.get("TEST_RABBITMQ_SERVER");
  if (given !== undefined) return { server: given, path: "/usr/lib/erlang/bin" };
  if (await isFile(INSTALLED)) return { server: INSTALLED, path: "/usr/lib/erlang/bin" };
  const folder = `${cacheFolder()}/tasker/debian-rabbitmq`;
  const kit = { server: `${folder}${INSTALLED}`, path: `${folder}/usr/lib/erlang/bin` };
  if (await isFile(kit.server)) return kit;
  const reason = await fetchPackages(folder);
  return reason === undefined
    ? kit
    : { reason: `there is no ${INSTALLED}, and Debian's package cannot be fetched: ${reason}` };
}

/** Unpacks the packages into a folder; says why if it cannot. Safe to race. */
async function fetchPackages(folder: string): Promise<string | undefined> {
  await Deno.mkdir(`${folder}/..`, { recursive: true });
  const work = await Deno.makeTempDir({ dir: `${folder}/..` });
  try {
    const options = { cwd: work, msMax: FETCH_MS_MAX };
    const download = () => run("apt-get", ["download", "-q", ...PACKAGES], options);
    let downloaded = await download();
    if (!downloaded.ok && Deno.uid() === 0) {
      // A fresh machine has no list of packages.
      await run("apt-get", ["update", "-q"], options);
      downloaded = await download();
    }
    if (!downloaded.ok) return downloaded.said;
    for (const { name } of [...Deno.readDirSync(work)]) {
      const unpacked = await run("dpkg", ["-x", `${work}/${name}`, `${work}/unpacked`]);
      if (!unpacked.ok) return unpacked.said;
    }
    await relocate(`${work}/unpacked`, folder);
    const erl = `${work}/unpacked/usr/lib/erlang/bin/erl`;
    if (!await isFile(erl)) return "it holds no Erlang";
    await Deno.rename(`${work}/unpacked`, folder);
    return undefined;
  } catch (error) {
    return await isFile(`${folder}${INSTALLED}`) ? undefined : String(error);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Debian's `erl` names the folder of its installation. */
async function relocate(unpacked: string, folder: string): Promise<void> {
  const path = `${unpacked}/usr/lib/erlang/bin/erl`;
  const script = await Deno.readTextFile(path);
  await Deno.writeTextFile(
    path,
    script.replaceAll("=/usr/lib/erlang", `=${folder}/usr/lib/erlang`),
  );
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}
