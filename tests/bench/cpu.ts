/** CPU time of processes, as /proc has it; 0 where there is none. */

import postgres from "postgres";

/** Milliseconds of one tick of /proc: USER_HZ is 100. */
const TICK_MS = 10;

/** One process. */
interface ProcessStat {
  readonly parent: number;
  readonly ownMs: number;
  /** Of its children that have ended. */
  readonly childrenMs: number;
}

/** CPU time of a process so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  return statOf(pid)?.ownMs ?? 0;
}

/** CPU time of a process and its children, in milliseconds; those that have ended included. */
export function familyCpuMsOf(pid: number): number {
  const own = statOf(pid);
  if (own === undefined) return 0;
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Boolean);
  const living = pids.map((one) => statOf(one)).filter((stat) => stat?.parent === pid);
  return living.reduce((sum, stat) => sum + (stat?.ownMs ?? 0), own.ownMs + own.childrenMs);
}

/** The process of a Postgres on this machine whose children serve its connections. */
export async function postmasterOf(url: string): Promise<number> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const [row] = await sql`select pg_backend_pid() as pid`;
  const parent = statOf(Number(row?.pid))?.parent ?? 0;
  await sql.end();
  return parent;
}

function statOf(pid: number): ProcessStat | undefined {
  try {
    // The name, in brackets, may hold spaces.
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
    const [, parent = 0] = fields;
    const ticks = (at: number) => (fields[at] ?? 0) * TICK_MS;
    return { parent, ownMs: ticks(11) + ticks(12), childrenMs: ticks(13) + ticks(14) };
  } catch {
    return undefined; // it has ended, or this system has no /proc
  }
}
