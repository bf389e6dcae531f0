/** Chaos: ends processes as crashes do, at random moments that a seed repeats. */

/** What can be killed, and started again in its place. */
export interface Mortal {
  readonly name: string;
  /** Ends it by SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it works. */
  start(): Promise<void>;
}

/** How much chaos. Units: `calmMs` and `downMs` are the longest rests before and after a kill. */
export interface ChaosOptions {
  readonly random: () => number;
  readonly rounds: number;
  readonly calmMs: number;
  readonly downMs: number;
  /** Gives the mortals something to do before each kill. */
  work(kill: number): void;
  /** Says what a kill meets. */
  scene(): Promise<string>;
}

/** Returns a seed: `TEST_SEED`, so that a failure can be played again, else a new one. */
export function seedOf(name: string): number {
  const given = Deno.env.get("TEST_SEED");
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  console.log(`${name}: TEST_SEED=${seed}`);
  return seed;
}

/** Returns a generator of numbers in 0..1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills each mortal once a round, in any order, at any moment; all live again at the end. */
export async function killInRounds(
  mortals: readonly Mortal[],
  { random, rounds, calmMs, downMs, work, scene }: ChaosOptions,
): Promise<void> {
  for (let kill = 0; kill < rounds * mortals.length; kill++) {
    if (kill % mortals.length === 0) mortals = shuffled(mortals, random);
    const mortal = mortals[kill % mortals.length] as Mortal;
    work(kill);
    await rest(random() * calmMs);
    const met = await scene();
    await mortal.kill();
    await rest(random() * downMs);
    await mortal.start();
    console.log(`killed ${mortal.name} (${met}), and started it again`);
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

function rest(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
