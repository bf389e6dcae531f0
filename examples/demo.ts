/** What demonstrations share: a real server with its own Postgres, its command line, and an orderly end. */

const ROOT = new URL("../", import.meta.url).pathname;

/** What ends the demonstration before its time. All that it started is ended first. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const stopped = Promise.withResolvers<never>();
stopped.promise.catch(() => {});
for (const signal of SIGNALS) {
  Deno.addSignalListener(signal, () => stopped.reject(new Stopped(signal)));
}

/** Somebody ended the demonstration. */
class Stopped extends Error {}

/** Waits for something, unless the demonstration is to end. */
export function orStopped<T>(wait: Promise<T>): Promise<T> {
  return Promise.race([wait, stopped.promise]);
}

/** Waits. Units: milliseconds. */
export const pause = (ms: number) => orStopped(new Promise<void>((wake) => setTimeout(wake, ms)));

/** What is shown in bold: the story, beside what programs print. */
export function narrate(text: string): void {
  console.log(`\n\x1b[1m${text}\x1b[0m`);
}

/** A server of a demonstration. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a server with a Postgres of its own, and waits until it listens. */
export async function startServer(
  dataDir: string,
  more: Readonly<Record<string, string>>,
): Promise<Server> {
  const env = { TASKER_DATA: dataDir, TASKER_PORT: "0", TASKER_LOG: "warn", ...more };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "serve"],
    cwd: ROOT,
    env,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const url = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      said += text;
      const [, found] = /tasker listening on (\S+)/.exec(said) ?? [];
      if (found !== undefined) url.resolve(found);
    }
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  void child.status.then(() => url.reject(new Error(`the server does not start:\n${said}`)));
  const stop = async () => {
    child.kill("SIGTERM");
    await child.status;
    await reading;
  };
  return {
    url: await orStopped(url.promise).catch(async (error) => {
      if (error instanceof Stopped) await stop();
      throw error;
    }),
    key: (await Deno.readTextFile(`${dataDir}/admin.key`)).trim(),
    env,
    [Symbol.asyncDispose]: stop,
  };
}

/** Runs a command as a person would, and shows both. */
export async function run(server: Server, ...words: string[]): Promise<void> {
  const typed = words.map((word) => /^[\w@./:,=-]+$/.test(word) ? word : `'${word}'`);
  console.log(`\n\x1b[2m$ deno task tasker ${typed.join(" ")}\x1b[0m`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "tasker", ...words],
    cwd: ROOT,
    env: server.env,
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  await orStopped(child.status);
}

/** Runs a demonstration in a folder that is gone afterwards; false: it came to no end of its own. */
export async function inFolder(demonstrate: (folder: string) => Promise<boolean>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tasker-demo-" });
  try {
    if (!await demonstrate(folder)) Deno.exitCode = 1;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    narrate(`Ended by ${error.message}.`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
