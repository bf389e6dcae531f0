/** Starts the services of `examples/` as their own teams would, each as a process of its own. */

import { until } from "./serve.ts";

export const EXAMPLES = new URL("../../examples/", import.meta.url).pathname;

/** What Python needs for the way over Redis. */
const PYTHON_REDIS = "redis==8.1.0";

/** How long a process may take until it says that it works; a loaded machine needs some. */
const START_MS_MAX = 30_000;

/** One running process of an example. */
export interface Service extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** All it has said so far. */
  said(): string;
  kill(signal: Deno.Signal): void;
  /** Resolves with its exit code. */
  readonly exited: Promise<number>;
}

/** What to start: a script of `examples/`, its arguments and what it finds in its environment. */
export interface ServiceOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a worker and waits until it says that it takes commands. */
export async function startWorker(script: string, options: ServiceOptions): Promise<Service> {
  return await untilItWorks(startScript(script, options));
}

/** Waits until a worker says that it takes commands. */
async function untilItWorks(service: Service): Promise<Service> {
  const { name } = service;
  await until(`${name} to take commands`, START_MS_MAX, async () => {
    if (service.said().includes("takes commands")) return true;
    const ended = await Promise.race([service.exited, undefined]);
    if (ended !== undefined) throw new Error(`${name} ended with ${ended}: ${service.said()}`);
    return undefined;
  });
  return service;
}

/** Starts a script of `examples/`. */
export function startScript(script: string, { args, env = {} }: ServiceOptions): Service {
  const command = [script.endsWith(".py") ? "python3" : "node", `${EXAMPLES}${script}`, ...args];
  const python = { PYTHONPATH: pythonFolder(), PYTHONDONTWRITEBYTECODE: "1" };
  return startProcess(script, { command, env: { ...python, ...env } });
}

/** What to start, as a process. */
interface ProcessOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a worker by its command and waits until it takes commands. */
export async function startService(name: string, options: ProcessOptions): Promise<Service> {
  return await untilItWorks(startProcess(name, options));
}

function startProcess(name: string, { command, env }: ProcessOptions): Service {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, {
    args,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const listening = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const exited = child.status.then(async ({ code }) => {
    await listening;
    return code;
  });
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch { /* it has ended already */ }
  };
  return {
    name,
    pid: child.pid,
    said: () => said,
    kill,
    exited,
    async [Symbol.asyncDispose]() {
      kill("SIGKILL");
      await exited;
    },
  };
}

/** Installs what the examples need for the way over Redis; says why if it cannot. */
export async function installRedisClients(): Promise<string | undefined> {
  return await whyNoPython() ?? await whyNoNode() ?? await installForPython() ??
    await installForNode("node_payments");
}

/** Says why the examples cannot run at all. */
export async function whyNoServices(): Promise<string | undefined> {
  return await whyNoPython() ?? await whyNoNode();
}

async function whyNoPython(): Promise<string | undefined> {
  const { ok, said } = await run("python3", [
    "-c",
    "import sys; assert sys.version_info >= (3, 8)",
  ]);
  return ok ? undefined : `there is no Python 3.8: ${said}`;
}

async function whyNoNode(): Promise<string | undefined> {
  const { ok, said } = await run("node", ["-e", "fetch; require('node:util').parseArgs"]);
  return ok ? undefined : `there is no Node 18: ${said}`;
}

/** Puts the package into a folder of the user's cache, once; a virtual environment is not needed. */
async function installForPython(): Promise<string | undefined> {
  if (await isThere(`${pythonFolder()}/redis`)) return undefined;
  const parent = pythonFolder().slice(0, pythonFolder().lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const work = await Deno.makeTempDir({ dir: parent });
  const wanted = ["--quiet", "--target", `${work}/packages`, PYTHON_REDIS];
  const { ok, said } = await run("python3", ["-m", "pip", "install", ...wanted]);
  if (ok) await Deno.rename(`${work}/packages`, pythonFolder()).catch(() => {});
  await Deno.remove(work, { recursive: true });
  return ok ? undefined : `${PYTHON_REDIS} cannot be installed: ${said}`;
}

/** The command that the example's README names. */
async function installForNode(folder: string): Promise<string | undefined> {
  const prefix = `${EXAMPLES}${folder}`;
  if (await isThere(`${prefix}/node_modules/redis`)) return undefined;
  const { ok, said } = await run("npm", ["install", "--silent", "--prefix", prefix]);
  return ok ? undefined : `npm's redis cannot be installed: ${said}`;
}

/** The packages for Python's way over Redis, as a folder for PYTHONPATH. */
export async function pythonPackages(): Promise<{ folder: string } | { reason: string }> {
  const reason = await whyNoPython() ?? await installForPython();
  return reason === undefined ? { folder: pythonFolder() } : { reason };
}

/** Installs the packages for Node's way over Redis; says why if it cannot. */
export async function nodePackages(): Promise<string | undefined> {
  return await whyNoNode() ?? await installForNode("workers");
}

/** Each Python has its own: what the package needs besides differs from one to the next. */
function pythonFolder(): string {
  return `${cacheFolder()}/tasker/${PYTHON_REDIS.replace("==", "-")}-for-python-${pythonVersion ??=
    askPython()}`;
}

/** Where what is fetched or built stays until the next run. */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  const cache = home === undefined ? undefined : `${home}/.cache`;
  return Deno.env.get("XDG_CACHE_HOME") ?? cache ?? Deno.env.get("TMPDIR") ?? "/tmp";
}

let pythonVersion: string | undefined;

function askPython(): string {
  const { stdout } = new Deno.Command("python3", {
    args: ["-c", "import platform; print(platform.python_version())"],
  }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Runs a program to its end; `said` is the last line of its errors. */
export async function run(
  command: string,
  args: readonly string[],
): Promise<{ ok: boolean; said: string }> {
  try {
    const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    return { ok: success, said: new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "" };
  } catch {
    return { ok: false, said: `there is no ${command}` };
  }
}
