import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const most = draw.between(110, 140);
  const load = (minute: number) => 15 + (most - 15) * Math.sin(Math.PI * minute / 90) ** 2;
  return {
    about: "the load of an office day in short: eight times as much at noon, and a little slower",
    minutes: 90,
    workflows: {
      "office/expense": {
        perMinute: load,
        task: ({ draw }) => ({ priority: draw.pick([2, 3, 4]) }),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 6] },
        steps: {
          scan: { system: "scanner", policy: { timeoutMs: 10_000 } },
          check: { system: "rules", after: ["scan"] },
          book: { system: "ledger", after: ["check"] },
        },
      },
    },
    systems: {
      scanner: {
        instances: 3,
        capacity: { workers: 6 },
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(900, 2_500) * (1 + 0.3 * load(minute) / most),
        }),
      },
      rules: { react: ({ draw }) => ({ ms: draw.lognormal(40, 130) }) },
      ledger: { react: ({ draw }) => ({ ms: draw.lognormal(120, 450) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
