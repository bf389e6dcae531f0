/** Servers for tests: started as direct children on a free port, killed at the end. */

import { freePort, freeze, kill } from "./programs.ts";

/** How long a server may take until it answers; a loaded machine needs some. */
const START_MS_MAX = 60_000;

/** How many ports are tried: another process may take the one that was free. */
const PORTS_MAX = 5;

/** Rest between two looks at a server that starts. */
const LOOK_MS = 10;

/** One running server with a folder of its own. */
export interface TestServer extends AsyncDisposable {
  /** The same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Ends the server as a crash does; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again on its files, killing it first if it runs; resolves when it answers. */
  restart(): Promise<void>;
  /** Starts it again on nothing, as after the loss of its disk. */
  restartEmpty(): Promise<void>;
  /** Freezes the server: connections stay open, and nothing answers. Resolves when it stands. */
  pause(): void;
  /** Ends the freeze. */
  resume(): void;
}

/** Why there is no server here. */
export interface NoServer {
  readonly reason: string;
}

/** A program that is a server. */
export interface ServerProgram {
  readonly name: string;
  readonly path: string;
  /** Begins `protocol://127.0.0.1:port`. */
  readonly protocol: string;
  /** Makes what it needs in its folder, which stays over restarts; its log is `server.log` there. */
  args(folder: string, port: number): readonly string[] | Promise<readonly string[]>;
  /** Whether it answers as it should. */
  answers(port: number): Promise<boolean>;
}

/** Starts a server on a free port. @throws what its log says when it does not answer */
export async function startServer(program: ServerProgram): Promise<TestServer> {
  const folder = await Deno.makeTempDir({ prefix: `tasker-${program.name}-` });
  for (let tries = 1;; tries++) {
    const port = freePort();
    try {
      return serverOf(program, folder, { port, child: await launch(program, folder, port) });
    } catch (error) {
      if (tries === PORTS_MAX) throw error;
    }
  }
}

interface Running {
  readonly port: number;
  child: Deno.ChildProcess;
}

function serverOf(program: ServerProgram, folder: string, running: Running): TestServer {
  const { port } = running;
  const kill9 = () => kill(running.child);
  const restart = async () => {
    await kill9();
    running.child = await launch(program, folder, port);
  };
  return {
    url: `${program.protocol}://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid;
    },
    kill9,
    restart,
    async restartEmpty() {
      await kill9();
      for (const { name } of Deno.readDirSync(folder)) {
        await Deno.remove(`${folder}/${name}`, { recursive: true });
      }
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

async function launch(program: ServerProgram, folder: string, port: number) {
  const args = [...await program.args(folder, port)];
  const child = new Deno.Command(program.path, { args, stdout: "null", stderr: "null" }).spawn();
  let hasEnded = false;
  void child.status.then(() => hasEnded = true);
  const deadline = Date.now() + START_MS_MAX;
  while (!hasEnded && Date.now() < deadline) {
    if (await program.answers(port)) return child;
    await pause();
  }
  await kill(child);
  const log = await Deno.readTextFile(`${folder}/server.log`).catch(() => "it wrote no log");
  throw new Error(`${program.name} does not answer on port ${port}:\n${log}`);
}

/** Returns the first thing that a server says on a new connection, after it was sent `text`. */
export async function greetingOf(port: number, text = ""): Promise<string> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    if (text !== "") await connection.write(new TextEncoder().encode(text));
    const answer = new Uint8Array(512);
    const size = await connection.read(answer);
    return new TextDecoder().decode(answer.subarray(0, size ?? 0));
  } catch {
    return "";
  }
}

async function pause(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, LOOK_MS));
}
