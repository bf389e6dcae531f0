/** The yardstick of every ratio: single-row inserts by Debian's pgbench, on the same server. */

import postgres from "postgres";
import type { Figure } from "./figure.ts";

const SECONDS = 4;

const SCRIPT = "insert into yardstick (body) values (repeat('x', 120));\n";

/** Runs pgbench with 1 and 64 clients; says why when it is not here. */
export async function benchPgbench(url: string): Promise<Figure[]> {
  const path = await findPgbench();
  if (path === undefined) {
    console.error("skipped: pgbench_1 and pgbench_64, because pgbench is not on this machine");
    return [];
  }
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(
    "create table if not exists yardstick (id bigint generated always as identity primary key, body text)",
  );
  await sql.end();
  const script = await Deno.makeTempFile({ suffix: ".sql" });
  await Deno.writeTextFile(script, SCRIPT);
  const figures: Figure[] = [];
  for (const clients of [1, 64]) {
    const threads = Math.min(clients, 2);
    const { stdout, stderr } = await new Deno.Command(path, {
      args: [
        "-n",
        "-c",
        `${clients}`,
        "-j",
        `${threads}`,
        "-T",
        `${SECONDS}`,
        "-M",
        "prepared",
        "-f",
        script,
        url,
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    const tps = /tps = ([\d.]+)/.exec(text)?.[1];
    if (tps === undefined) throw new Error(`pgbench says: ${new TextDecoder().decode(stderr)}`);
    figures.push({ bench: `pgbench_${clients}`, metric: "tps", value: Number(tps), unit: "tx/s" });
  }
  await Deno.remove(script);
  return figures;
}

async function findPgbench(): Promise<string | undefined> {
  for (const path of ["/usr/bin/pgbench", "/usr/local/bin/pgbench"]) {
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isFile) return path;
  }
  return undefined;
}
