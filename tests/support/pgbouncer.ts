/** A real PgBouncer for tests, in transaction mode, before one database. */

/** How long it may take until it listens; a loaded machine needs some. */
const START_MS_MAX = 30_000;

/** Rest between two looks whether it listens. */
const LOOK_MS = 20;

/** PgBouncer does not run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** A running pooler. */
export interface TestPooler extends AsyncDisposable {
  /** Of the database, through the pooler. */
  readonly url: string;
}

/** Where the program is, or why the tests that need it are ignored. */
export async function findPgbouncer(): Promise<{ path: string } | { reason: string }> {
  for (const path of ["pgbouncer", "/usr/sbin/pgbouncer"]) {
    const found = await new Deno.Command(path, { args: ["--version"] }).output().catch(() => null);
    if (found?.success) return { path };
  }
  return { reason: "there is no pgbouncer on this machine" };
}

/** Starts a pooler that shares few connections between many clients. */
export async function startPgbouncer(path: string, databaseUrl: string): Promise<TestPooler> {
  const folder = await Deno.makeTempDir({ prefix: "tasker-pooler-" });
  const target = new URL(databaseUrl);
  const port = freePort();
  const name = target.pathname.slice(1);
  await Deno.writeTextFile(`${folder}/pooler.ini`, settings(target, port));
  await Deno.chmod(folder, 0o755);
  const account = Deno.uid() === 0 ? NOBODY : {};
  const child = new Deno.Command(path, {
    args: ["--quiet", `${folder}/pooler.ini`],
    cwd: "/",
    stdout: "null",
    stderr: "null",
    ...account,
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

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
