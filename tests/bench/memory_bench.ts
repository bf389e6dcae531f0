/** What ten thousand active tasks cost the process. */

import { signal10 } from "./workflows/bench.ts";
import type { RealEngine } from "../support/engine.ts";
import type { Figure } from "./figure.ts";
import { INPUT } from "./workflows/bench.ts";

const TASKS = 10_000;

/** Starts at once: enough to fill flushes, few enough for the mailboxes. */
const AT_ONCE = 500;

/** Starts tasks of ten steps that wait for their signal, and reads how much memory they keep. */
export async function benchMemory(engine: RealEngine): Promise<Figure[]> {
  const before = rssMb();
  for (let started = 0; started < TASKS; started += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, () => engine.start(`bench/${signal10.name}`, INPUT)),
    );
  }
  return [{ bench: "readiness", metric: "rss_10k_tasks_mb", value: rssMb() - before, unit: "MB" }];
}

function rssMb(): number {
  return Deno.memoryUsage().rss / 1024 / 1024;
}
