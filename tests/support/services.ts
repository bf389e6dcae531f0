/** Starts the services of `examples/` as their own teams would, each as a process of its own. */

import { cacheFolder, run } from "./programs.ts";
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

/** Starts a Python script of `examples/`. */
export function startScript(script: string, args: readonly string[]): Service {
  return startProcess(script, {
    command: ["python3", `${EXAMPLES}${script}`, ...args],
    env: pythonEnv(),
  });
}

/** What Python finds in its environment. */
export function pythonEnv(): Readonly<Record<string, string>> {
  return { PYTHONPATH: pythonFolder(), PYTHONDONTWRITEBYTECODE: "1" };
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

async function whyNoPython(): Promise<string | undefined> {
  const { ok, said } = await run("python3", [
    "-c",
    "import sys; assert sys.version_info >= (3, 8)",
  ]);
  return ok ? undefined : `there is no Python 3.8: ${said}`;
}

async function whyNoNode(): Promise<string | undefined> {
  const { ok, said } = await run("node", ["-e", "fetch"]);
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
async function installForNode(): Promise<string | undefined> {
  const prefix = `${EXAMPLES}workers`;
  if (await isThere(`${prefix}/node_modules/redis`)) return undefined;
  const { ok, said } = await run("npm", ["install", "--silent", "--prefix", prefix]);
  return ok ? undefined : `npm's redis cannot be installed: ${said}`;
}

/** Installs the package for Python's way over Redis; says why if it cannot. */
export async function pythonPackages(): Promise<string | undefined> {
  return await whyNoPython() ?? await installForPython();
}

/** Installs the packages for Node's way over Redis; says why if it cannot. */
export async function nodePackages(): Promise<string | undefined> {
  return await whyNoNode() ?? await installForNode();
}

/** Each Python has its own: what the package needs besides differs from one to the next. */
function pythonFolder(): string {
  return `${cacheFolder()}/tasker/${PYTHON_REDIS.replace("==", "-")}-for-python-${pythonVersion ??=
    askPython()}`;
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
