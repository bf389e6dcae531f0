/** Starts real servers as people do, by the launcher, and ends them as machines do. */

const ROOT = new URL("../../", import.meta.url).pathname;

/** How long a start may take before the test gives up; a first start initialises Postgres. */
const START_MS_MAX = 120_000;

/** Which server to start. */
export interface ServeOptions {
  readonly dataDir: string;
  /** The folder of deno.json; this repository unless said. */
  readonly project?: string;
  /** Words after `deno task serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One running `deno task serve`. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  /** The server's own pid. */
  readonly pid: number;
  readonly launcherPid: number;
  readonly key: string;
  /** All it has said so far. */
  said(): string;
  /** Sends a signal to the server. */
  kill(signal: Deno.Signal): void;
  /** Resolves with the launcher's exit code. */
  readonly exited: Promise<number>;
}

/** Starts a server and waits for the line that says it listens. */
export async function serve(
  { dataDir, project = ROOT, args = [], env = {} }: ServeOptions,
): Promise<Served> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "serve", ...args],
    cwd: project,
    // Few tests look at the web app, and each folder would build its own.
    env: {
      ...{ TASKER_DATA: dataDir, TASKER_PORT: "0", TASKER_LOG: "info", TASKER_WEB: "off" },
      ...{ NO_COLOR: "1" },
      ...env,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const heard = Promise.withResolvers<{ url: string; pid: number }>();
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      said += text;
      const line = /tasker listening on (\S+) \(pid (\d+)\)/.exec(said);
      if (line?.[1] !== undefined) heard.resolve({ url: line[1], pid: Number(line[2]) });
    }
  };
  const listening = Promise.all([listen(child.stdout), listen(child.stderr)]);
  const exited = child.status.then(async ({ code }) => {
    await listening;
    heard.reject(new Error(`the server ended with code ${code} before it listened:\n${said}`));
    return code;
  });
  const giveUp = setTimeout(
    () => heard.reject(new Error(`the server does not listen after ${START_MS_MAX} ms:\n${said}`)),
    START_MS_MAX,
  );
  const { url, pid } = await heard.promise.finally(() => clearTimeout(giveUp));
  const key = (await Deno.readTextFile(`${dataDir}/admin.key`)).trim();
  return {
    url,
    pid,
    launcherPid: child.pid,
    key,
    said: () => said,
    kill: (signal) => Deno.kill(pid, signal),
    exited,
    async [Symbol.asyncDispose]() {
      try {
        Deno.kill(pid, "SIGTERM");
      } catch { /* it has ended already */ }
      await exited;
    },
  };
}

/** Asks until the answer is not undefined; fails after `ms`, saying what it waits for. */
export async function until<T>(
  what: string | (() => string),
  ms: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`waited ${ms} ms in vain for ${typeof what === "string" ? what : what()}`);
}
