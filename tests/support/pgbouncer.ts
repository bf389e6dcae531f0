/** A real PgBouncer for tests, in transaction mode, before one database. */

import { openProgram } from "./fetched.ts";
import { freePort } from "./programs.ts";
import type { NoServer } from "./test_server.ts";

/** How long it may take until it listens; a loaded machine needs some. */
const START_MS_MAX = 30_000;

/** Rest between two looks whether it listens. */
const LOOK_MS = 20;

/** PgBouncer does not run as root. */
const AS_NOBODY = ["--user", "nobody"];

const PROGRAM = { program: "pgbouncer", args: ["--version"] };

/** What `TEST_PGBOUNCER` chooses; else the first that can be had. */
const POOLERS = {
  "installed": PROGRAM,
  "debian": { ...PROGRAM, debian: ["pgbouncer", "libc-ares2", "libevent-2.1-7"] },
};

/** A running pooler. */
export interface TestPooler extends AsyncDisposable {
  /** Of the database, through the pooler. */
  readonly url: string;
}

/** Where the program is, or why the tests that need it are ignored. */
export function findPgbouncer(): Promise<{ path: string } | NoServer> {
  return openProgram("TEST_PGBOUNCER", POOLERS);
}

/** Starts a pooler that shares few connections between many clients. */
export async function startPgbouncer(path: string, databaseUrl: string): Promise<TestPooler> {
  const folder = await Deno.makeTempDir({ prefix: "tasker-pooler-" });
  const target = new URL(databaseUrl);
  const port = freePort();
  const name = target.pathname.slice(1);
  await Deno.writeTextFile(`${folder}/pooler.ini`, settings(target, port));
  await Deno.chmod(folder, 0o755);
  const user = Deno.uid() === 0 ? AS_NOBODY : [];
  const child = new Deno.Command(path, {
    args: ["--quiet", ...user, `${folder}/pooler.ini`],
    cwd: "/",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await untilListening(port);
  return {
    url: `postgres://tasker@127.0.0.1:${port}/${name}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function settings(target: URL, port: number): string {
  const name = target.pathname.slice(1);
  const [user, password] = [target.username, target.password].map(decodeURIComponent);
  const login = password === "" ? `user=${user}` : `user=${user} password=${password}`;
  return `[databases]
${name} = host=${target.hostname} port=${target.port || 5432} dbname=${name} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
`;
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}
