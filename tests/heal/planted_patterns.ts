/** Patterns: pieces of workflows with a fault to be found, or a trap that looks like one. */

import { around, type PlantedAttempt, type PlantedEnd, type PlantedStep } from "./planted.ts";

/** Steps that follow each other, and what should be suggested of them. */
export interface Piece {
  readonly steps: readonly PlantedStep[];
  /** `timeout:STEP`, `retry:STEP` or `edge:FROM:TO`. */
  readonly expected?: readonly string[];
  startMs?(task: number, random: () => number): number;
}

/** Makes a piece whose steps begin with a prefix. */
export type MakePiece = (prefix: string, random: () => number) => Piece;

type Behaves = PlantedStep["behaves"];

function between(random: () => number, from: number, to: number): number {
  return from + (to - from) * random();
}

/** A step that ends a piece: it reads what came before. */
function join(name: string, needs: readonly string[]): PlantedStep {
  return { name, needs, behaves: around(300) };
}

/** Fails with a chance, each attempt anew. */
function flaky(chance: number, error = "flaky", ms = 400): Behaves {
  return ({ random }) => random() < chance ? { ms, error } : { ms };
}

/** Draws once for a task: the same for all its attempts. */
function ofTask({ task }: Pick<PlantedAttempt, "task">, salt: number): number {
  return (Math.imul(task + 1, 2_654_435_761) + Math.imul(salt, 40_503) >>> 0) / 0x1_0000_0000;
}

/** Two branches between `start` and `end`, of which one waits for the other by an edge. */
function branches(
  p: string,
  random: () => number,
  { first = {}, second }: {
    readonly first?: Partial<PlantedStep>;
    readonly second: (a: string, start: string) => Partial<PlantedStep>;
  },
): readonly PlantedStep[] {
  const [start, a, b] = [`${p}_start`, `${p}_a`, `${p}_b`];
  const [aMs, bMs] = [between(random, 2_000, 8_000), between(random, 2_000, 8_000)];
  return [
    { name: start, behaves: around(500) },
    { name: a, needs: [start], behaves: around(aMs, 0.2), ...first },
    { name: b, behaves: around(bMs, 0.2), ...second(a, start) },
    join(`${p}_end`, [a, b]),
  ];
}

const falseNeed: MakePiece = (p, random) => ({
  steps: branches(p, random, {
    second: (a, start) => ({ needs: [start, a], reads: [start] }),
  }),
  expected: [`edge:${p}_a:${p}_b`],
});

const orderWithoutEffect: MakePiece = (p, random) => ({
  steps: branches(p, random, {
    second: (a, start) => ({ needs: [start], after: [a], effect: "none" }),
  }),
  expected: [`edge:${p}_a:${p}_b`],
});

const implied: MakePiece = (p) => ({
  steps: [
    { name: `${p}_a`, behaves: around(1_000) },
    { name: `${p}_b`, needs: [`${p}_a`], behaves: around(2_000) },
    { name: `${p}_end`, needs: [`${p}_b`], after: [`${p}_a`], behaves: around(500) },
  ],
  expected: [`edge:${p}_a:${p}_end`],
});

const shortTimeout: MakePiece = (p, random) => ({
  steps: [{
    name: `${p}_slow`,
    behaves: around(between(random, 14_000, 26_000), 0.4),
    policy: { timeoutMs: 30_000, retry: { attemptsMax: 3 } },
  }],
  expected: [`timeout:${p}_slow`],
});

const longTimeout: MakePiece = (p, random) => {
  const chance = between(random, 0.05, 0.12);
  return {
    steps: [{
      name: `${p}_hangs`,
      behaves: ({ random }) => random() < chance ? { ms: Infinity } : around(800, 0.3)({ random }),
      policy: { timeoutMs: 60_000 },
    }],
    expected: [`timeout:${p}_hangs`],
  };
};

const uselessAttempts: MakePiece = (p, random) => {
  const chance = between(random, 0.25, 0.4);
  return {
    steps: [{
      name: `${p}_bad`,
      behaves: (of) => ofTask(of, p.length) < chance ? { ms: 900, error: "invalid" } : { ms: 900 },
      policy: { retry: { attemptsMax: 6, delayMsMin: 8_000 }, onExhausted: "park" },
    }],
    expected: [`retry:${p}_bad`],
  };
};

const fewAttempts: MakePiece = (p, random) => ({
  steps: [{
    name: `${p}_flaky`,
    behaves: flaky(between(random, 0.25, 0.4)),
    policy: { retry: { attemptsMax: 2 } },
  }],
  expected: [`retry:${p}_flaky`],
});

const hopelessError: MakePiece = (p) => ({
  steps: [{
    name: `${p}_mixed`,
    behaves(of): PlantedEnd {
      if (ofTask(of, 3) < 0.2) return { ms: 900, error: "invalid_card" };
      return of.random() < 0.3 ? { ms: 900, error: "busy" } : { ms: 900 };
    },
    policy: { retry: { attemptsMax: 5, delayMsMin: 10_000 } },
  }],
  expected: [`retry:${p}_mixed`],
});

/** What has to be found. */
export const PATTERNS: readonly MakePiece[] = [
  falseNeed,
  shortTimeout,
  fewAttempts,
  orderWithoutEffect,
  uselessAttempts,
  longTimeout,
  implied,
  hopelessError,
];

const rareRead: MakePiece = (p, random) => ({
  steps: branches(p, random, {
    second: (a, start) => ({ needs: [start, a], readsOneIn: 20 }),
  }),
});

const declaredOrder: MakePiece = (p, random) => ({
  steps: branches(p, random, { second: (a, start) => ({ needs: [start], after: [a] }) }),
});

const gate: MakePiece = (p, random) => ({
  steps: branches(p, random, {
    first: {
      behaves: ({ random }) =>
        random() < 0.03 ? { ms: 500, error: "refused", kind: "failed" } : { ms: 3_000 },
    },
    second: (a, start) => ({ needs: [start, a], reads: [start], effect: "none" }),
  }),
});

const onFailure: MakePiece = (p, random) => ({
  steps: branches(p, random, {
    second: (a) => ({ needs: [a], reads: [], definition: { when: "always" } }),
  }),
});

const pause: MakePiece = (p) => ({
  steps: [
    { name: `${p}_a`, behaves: around(500) },
    {
      name: `${p}_wait`,
      after: [`${p}_a`],
      definition: { kind: "sleep", sleepMs: 5_000 },
      behaves: () => ({ ms: 1 }),
    },
    { name: `${p}_b`, after: [`${p}_wait`], effect: "none", behaves: around(500) },
  ],
});

const atMostOnce: MakePiece = (p) => ({
  steps: [{
    name: `${p}_once`,
    behaves: flaky(0.2),
    definition: { atMostOnce: true },
    policy: { retry: { attemptsMax: 2 } },
  }],
});

const external: MakePiece = (p) => ({
  steps: [{
    name: `${p}_pay`,
    behaves: flaky(0.3),
    effect: "external",
    policy: { retry: { attemptsMax: 2 } },
  }],
});

const twoModes: MakePiece = (p) => ({
  steps: [{
    name: `${p}_cache`,
    behaves: ({ random }) =>
      random() < 0.7 ? { ms: 100 + 50 * random() } : around(22_000, 0.25)({ random }),
    policy: { timeoutMs: 30_000 },
  }],
});

/** Forty tasks come at once every ten minutes, and share what the step has. */
const saturated: MakePiece = (p) => ({
  steps: [{
    name: `${p}_crowd`,
    behaves: ({ underWay, random }) => ({ ms: 1_500 * (1 + underWay) * (0.9 + 0.2 * random()) }),
    policy: { timeoutMs: 30_000, retry: { attemptsMax: 4 } },
  }],
  startMs: (task, random) => Math.floor(task / 40) * 600_000 + (task % 40) * 100 + 50 * random(),
});

const outage: MakePiece = (p) => ({
  steps: [{
    name: `${p}_down`,
    behaves: ({ task }) => task >= 200 && task < 230 ? { ms: 300, error: "down" } : { ms: 300 },
    policy: { retry: { attemptsMax: 2 } },
  }],
});

/** What must be left alone. */
export const TRAPS: readonly MakePiece[] = [
  rareRead,
  declaredOrder,
  gate,
  onFailure,
  pause,
  atMostOnce,
  external,
  twoModes,
  saturated,
  outage,
];
