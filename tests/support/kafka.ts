/** A real Kafka for tests: its jars come from Maven, one broker is a direct child, killed at the end. */

import { freeze } from "./programs.ts";

const VERSION = "4.4.0";

/** How long a broker may take until it serves; a loaded machine needs some. */
const START_MS_MAX = 90_000;

/** How many pairs of ports are tried: another process may take one that was free. */
const PORTS_MAX = 5;

/** Rest between two looks at a broker that starts. */
const LOOK_MS = 50;

/** What the broker writes once it serves. */
const SERVES = "Kafka Server started";

/** One running broker with a folder of its own. */
export interface TestKafka extends AsyncDisposable {
  /** `kafka://127.0.0.1:port`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Ends the broker as a crash does; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again on its files, killing it first if it runs; resolves when it serves. */
  restart(): Promise<void>;
  /** Starts it again on nothing, as after a loss of its disk. */
  restartEmpty(): Promise<void>;
  /** Freezes the broker: connections stay open, and nothing answers. */
  pause(): void;
  /** Ends the freeze. */
  resume(): void;
}

/** Why there is no Kafka here. */
export interface NoKafka {
  readonly reason: string;
}

interface Kit {
  readonly libs: string;
  /** A data folder as `format` leaves it. */
  readonly formatted: string;
  /** Loaded classes as one file: a start takes half the time. */
  readonly classes: string;
}

/** Starts a broker on free ports, or says why there is none. `TEST_KAFKA_LIBS` names its jars. */
export async function startKafka(settings: Readonly<Record<string, string>> = {}): Promise<
  TestKafka | NoKafka
> {
  const kit = await (kits ??= prepare());
  if ("reason" in kit) return kit;
  const folder = await Deno.makeTempDir({ prefix: "tasker-kafka-" });
  for (let tries = 1;; tries++) {
    const ports = { port: freePort(), controllerPort: freePort() };
    try {
      await configure(folder, ports, settings);
      await fill(folder, kit);
      return kafkaOf(kit, folder, { port: ports.port, child: await launch(kit, folder) });
    } catch (error) {
      if (tries === PORTS_MAX) throw error;
    }
  }
}

let kits: Promise<Kit | NoKafka> | undefined;

interface Running {
  readonly port: number;
  child: Deno.ChildProcess;
}

function kafkaOf(kit: Kit, folder: string, running: Running): TestKafka {
  const { port } = running;
  const kill9 = async () => {
    kill(running.child);
    await running.child.status;
  };
  const restart = async () => {
    await kill9();
    running.child = await launch(kit, folder);
  };
  return {
    url: `kafka://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid;
    },
    kill9,
    restart,
    async restartEmpty() {
      await kill9();
      await fill(folder, kit);
      await restart();
    },
    pause: () => freeze(running.child),
    resume: () => running.child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await kill9();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch { /* it has ended already */ }
}

/** One broker that is its own controller. Its group coordinator and its elections do not wait. */
async function configure(
  folder: string,
  { port, controllerPort }: { readonly port: number; readonly controllerPort: number },
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const single = [
    "offsets.topic",
    "transaction.state.log",
    "share.coordinator.state.topic",
  ];
  const settings = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": `${folder}/data`,
    "auto.create.topics.enable": "false",
    ...Object.fromEntries(single.map((name) => [`${name}.replication.factor`, "1"])),
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.cleaner.threads": "1",
    // Else a broker that was killed is refused its own id for nine seconds.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    ...more,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  await Deno.writeTextFile(`${folder}/server.properties`, lines.join("\n"));
  const log = ["status=error", "rootLogger.level=info", "rootLogger.appenderRef.o.ref=O"];
  log.push("appender.o.type=Console", "appender.o.name=O", "appender.o.layout.type=PatternLayout");
  log.push("appender.o.layout.pattern=[%d] %p %m (%c{1})%n");
  await Deno.writeTextFile(`${folder}/log4j2.properties`, log.join("\n"));
}

/** Puts a new data folder in the place of the one that is there. */
async function fill(folder: string, { formatted }: Kit): Promise<void> {
  await Deno.remove(`${folder}/data`, { recursive: true }).catch(() => {});
  await Deno.mkdir(`${folder}/data`);
  for await (const { name, isFile } of Deno.readDir(formatted)) {
    if (isFile) await Deno.copyFile(`${formatted}/${name}`, `${folder}/data/${name}`);
  }
}

/** Starts a broker and waits until it serves. */
async function launch(
  { libs, classes }: Kit,
  folder: string,
  archive = ["-Xshare:auto", `-XX:SharedArchiveFile=${classes}`],
): Promise<Deno.ChildProcess> {
  const log = `${folder}/kafka.log`;
  const before = await countOf(log);
  const java = [
    "exec java -Xms256m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    ...archive,
    `-Dlog4j2.configurationFile=${folder}/log4j2.properties -Djava.awt.headless=true`,
    `-cp '${libs}/*' kafka.Kafka ${folder}/server.properties >> ${log} 2>&1`,
  ].join(" ");
  const child = new Deno.Command("sh", { args: ["-c", java], stdin: "null" }).spawn();
  let hasEnded = false;
  void child.status.then(() => hasEnded = true);
  const deadline = Date.now() + START_MS_MAX;
  while (!hasEnded && Date.now() < deadline) {
    if (await countOf(log) > before) return child;
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
  kill(child);
  await child.status;
  throw new Error(`Kafka does not serve:\n${(await Deno.readTextFile(log)).slice(-3_000)}`);
}

async function countOf(log: string): Promise<number> {
  const text = await Deno.readTextFile(log).catch(() => "");
  return text.split(SERVES).length - 1;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Brings jars, a formatted folder and an archive of classes into the user's cache; safe to race. */
async function prepare(): Promise<Kit | NoKafka> {
  if (!(await run("java", ["-version"])).ok) return { reason: "there is no java" };
  const cache = `${cacheFolder()}/tasker/kafka-${VERSION}`;
  await Deno.mkdir(cache, { recursive: true });
  const kit = {
    libs: Deno.env.get("TEST_KAFKA_LIBS") ?? `${cache}/jars`,
    formatted: `${cache}/formatted`,
    classes: `${cache}/classes.jsa`,
  };
  const reason = await isThere(kit.libs) ? undefined : await fetchJars(cache, kit.libs);
  if (reason !== undefined) return { reason };
  if (!await isThere(kit.classes)) await train(cache, kit);
  return kit;
}

async function fetchJars(cache: string, libs: string): Promise<string | undefined> {
  const work = await Deno.makeTempDir({ dir: cache });
  try {
    const artifacts = [
      ["org.apache.kafka", "kafka_2.13", VERSION],
      ["org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5"],
    ].map(([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version></dependency>`
    );
    await Deno.writeTextFile(
      `${work}/pom.xml`,
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
        `<groupId>local</groupId><artifactId>broker</artifactId><version>1</version>` +
        `<packaging>pom</packaging><dependencies>${artifacts.join("")}</dependencies></project>`,
    );
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"];
    const options = ["-B", "-q", "-f", `${work}/pom.xml`, `-DoutputDirectory=${work}/jars`];
    const fetched = await run("mvn", [...options, ...goal]);
    if (!fetched.ok) return `the jars of Kafka ${VERSION} cannot be fetched: ${fetched.said}`;
    await Deno.rename(`${work}/jars`, libs).catch(() => {});
    return undefined;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Formats a data folder, and runs a broker once to keep the classes that it loads. */
async function train(cache: string, kit: Kit): Promise<void> {
  const work = await Deno.makeTempDir({ dir: cache });
  try {
    await configure(work, { port: freePort(), controllerPort: freePort() }, {});
    await Deno.mkdir(`${work}/data`);
    const format = ["--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg", "--ignore-formatted"];
    const tool = ["-cp", `${kit.libs}/*`, "kafka.tools.StorageTool", "format", ...format];
    const formatted = await run("java", [...tool, "-c", `${work}/server.properties`]);
    if (!formatted.ok) throw new Error(`Kafka cannot format its folder: ${formatted.said}`);
    await Deno.rename(`${work}/data`, kit.formatted).catch(() => {});
    await fill(work, kit);
    const child = await launch(kit, work, [`-XX:ArchiveClassesAtExit=${work}/classes.jsa`]);
    child.kill("SIGTERM");
    await child.status;
    await Deno.rename(`${work}/classes.jsa`, kit.classes);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  const cache = home === undefined ? undefined : `${home}/.cache`;
  return Deno.env.get("XDG_CACHE_HOME") ?? cache ?? Deno.env.get("TMPDIR") ?? "/tmp";
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function run(command: string, args: string[]): Promise<{ ok: boolean; said: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
    const text = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
    return { ok: success, said: text.trim().split("\n").at(-1) ?? "" };
  } catch {
    return { ok: false, said: `there is no ${command}` };
  }
}
