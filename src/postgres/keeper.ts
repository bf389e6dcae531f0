/** The keeper: a shell that waits for a launcher's death, to stop what it would leave behind. */

/** A server that works with the Postgres of a launcher. */
export interface Server {
  readonly pid: number;
  /** It ends by itself when its launcher has died; after so long it is killed. */
  readonly endsWithinMs: number;
}

/** Stands by while a launcher lives. */
export interface Keeper {
  /** From now on, waits for a server before Postgres is stopped. */
  wait(server: Server): Promise<void>;
  /** Ends it: the launcher has stopped everything itself. */
  dismiss(): Promise<void>;
}

/**
 * Its input ends when the launcher does, however it dies; until then it costs a sleeping shell. What
 * follows is a program, because the shell knows no locks.
 */
const SCRIPT = 'while read -r line; do server=$line; done; exec "$0" "$@" $server';

const FLAGS = [
  ...["run", "--quiet", "--no-config", "--no-lock", "--no-prompt"],
  ...["--allow-run", "--allow-read", "--allow-write", "--allow-net=127.0.0.1", "--allow-sys=uid"],
];

/** Opens the keeper of a launcher in a folder. */
export function openKeeper(dataDir: string): Keeper {
  const program = decodeURIComponent(new URL("./abandoned.ts", import.meta.url).pathname);
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", SCRIPT, Deno.execPath(), ...FLAGS, program, dataDir],
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    // A session of its own: a Ctrl-C is for the launcher.
    detached: true,
  }).spawn();
  child.unref();
  const pipe = child.stdin.getWriter();
  return {
    wait: ({ pid, endsWithinMs }) =>
      pipe.write(new TextEncoder().encode(`${pid} ${endsWithinMs}\n`)),
    async dismiss() {
      child.ref();
      child.kill("SIGKILL");
      await pipe.close().catch(() => {});
      await child.status;
    },
  };
}
