import { scenario } from "tasker/simulation";

/** Month's end: twice the load, a little slower, and nothing that was not planned for. */
export default scenario((draw) => {
  const peak = draw.between(1.9, 2.3);
  const loadAt = (minute: number) =>
    1 + (peak - 1) * Math.max(0, Math.min(1, (minute - 15) / 20, (85 - minute) / 20));
  return {
    about: "payroll has twice its load at the end of the month, as planned",
    minutes: 100,
    workflows: {
      "payroll/pay": {
        perMinute: (minute) => 70 * loadAt(minute),
        task: ({ draw }) => ({ priority: draw.chance(0.5) ? 2 : 4 }),
        steps: {
          compute: { system: "payroll", policy: { timeoutMs: 10_000 } },
          book: { system: "ledger", after: ["compute"], policy: { timeoutMs: 10_000 } },
          slip: { system: "printer", after: ["compute"] },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 60_000], attemptsMax: [1, 5] },
      },
    },
    systems: {
      payroll: {
        instances: 3,
        capacity: { workers: 8 },
        react: ({ draw, minute }) => ({ ms: draw.lognormal(600, 1_800) * loadAt(minute) ** 0.4 }),
      },
      ledger: {
        capacity: { workers: 12 },
        react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }),
      },
      printer: { react: ({ draw }) => ({ ms: draw.lognormal(150, 600) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 30_000 }, isControl: true },
  };
});
