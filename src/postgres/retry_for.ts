/**
 * Bounded waiting. The launcher's side of Tasker waits for other processes, which no simulator runs,
 * so it asks the real clock; this file is the one place where it does.
 */

/** How often `until` asks, in milliseconds: a process that starts takes some tens of these. */
const ASK_EVERY_MS = 10;

/** How often a person hears that something still takes its time, in milliseconds. */
const REPORT_EVERY_MS = 5_000;

/** Takes lines for people: what is happening, and how long it took. */
export type OnLine = (line: string) => void;

/** Waits, in milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again until the answer is something.
 *
 * @returns undefined when `withinMs` has passed
 */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { withinMs }: { readonly withinMs: number },
): Promise<T | undefined> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || performance.now() >= end) return answer;
    await pause(ASK_EVERY_MS);
  }
}

/** Waits for a promise, at most `withinMs`. Returns undefined when the time is up. */
export async function within<T>(
  promise: Promise<T>,
  { withinMs }: { readonly withinMs: number },
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs);
  });
  try {
    return await Promise.race([promise, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a stopwatch; it reads seconds with one decimal, as `0.9 s`. */
export function stopwatch(): () => string {
  const start = performance.now();
  return () => `${((performance.now() - start) / 1_000).toFixed(1)} s`;
}

/** Does some work and says every few seconds that it still goes on. */
export async function reporting<T>(
  what: string,
  { onLine, work }: { readonly onLine: OnLine; readonly work: () => Promise<T> },
): Promise<T> {
  const elapsed = stopwatch();
  const timer = setInterval(() => onLine(`${what} … ${elapsed()}`), REPORT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
