/** Programs that tests need: whether they are here, how to run them, and where fetched ones are kept. */

/** How a program ended. */
export interface Ended {
  readonly ok: boolean;
  /** Its last line of errors. */
  readonly said: string;
}

/** Runs a program to its end. One that is not here, or takes longer than `msMax`, has failed. */
export async function run(
  command: string,
  args: readonly string[],
  { msMax, ...options }: { readonly msMax?: number; readonly cwd?: string } = {},
): Promise<Ended> {
  const signal = msMax === undefined ? undefined : AbortSignal.timeout(msMax);
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args: [...args],
      ...options,
      ...(signal !== undefined && { signal }),
    }).output();
    const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
    if (signal?.aborted) return { ok: false, said: `${command} took longer than ${msMax} ms` };
    return { ok: success, said };
  } catch {
    return { ok: false, said: `there is no ${command}` };
  }
}

/** Whether a program is here and answers to these arguments. */
export async function isThere(command: string, args: readonly string[]): Promise<boolean> {
  return (await run(command, args)).ok;
}

/** Where programs that were fetched stay for the next run. */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME");
  const cache = home === undefined ? undefined : `${home}/.cache`;
  return Deno.env.get("XDG_CACHE_HOME") ?? cache ?? Deno.env.get("TMPDIR") ?? "/tmp";
}

/** A port that nobody has now; another process may take it before it is used. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Whether somebody listens on a port of this machine. */
export async function isOpen(port: number): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch {
    return false;
  }
}

/** Ends a child as a crash does; resolves when it is gone. */
export async function kill(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch { /* it has ended already */ }
  await child.status;
}

/** Looks before it is taken for frozen whatever /proc says, a millisecond apart. */
const LOOKS_MAX = 5_000;

/**
 * Freezes a process until SIGCONT; returns when all of its threads stand still. Where there is no /proc it
 * returns at once: the signal does not wait for them, and some may answer once more.
 */
export function freeze(child: Deno.ChildProcess): void {
  child.kill("SIGSTOP");
  for (let look = 0; look < LOOKS_MAX && !isFrozen(child.pid); look++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

function isFrozen(pid: number): boolean {
  try {
    const threads = [...Deno.readDirSync(`/proc/${pid}/task`)];
    return threads.every(({ name }) => isStopped(`/proc/${pid}/task/${name}/stat`));
  } catch {
    return true;
  }
}

/** Whether a thread is stopped, or gone. The name of its program, in brackets, may hold anything. */
function isStopped(path: string): boolean {
  try {
    const text = Deno.readTextFileSync(path);
    return "TtZX".includes(text.charAt(text.lastIndexOf(")") + 2));
  } catch {
    return true;
  }
}
