import { scenario } from "tasker/simulation";

// A query plan flips: what was an index scan is a full scan for accounts with many rows.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(45, 60);
  const share = draw.between(0.12, 0.2), slow = draw.between(8_000, 11_000);
  return {
    about: "a step takes much longer, but only for large accounts",
    minutes: 90,
    workflows: {
      "bank/statement": {
        perMinute: draw.whole(30, 80),
        heal: { tier: "T1", timeoutMs: [1_000, 40_000], attemptsMax: [1, 5] },
        task: ({ draw }) => {
          const isLarge = draw.chance(share);
          return {
            input: { rows: isLarge ? draw.whole(50_000, 400_000) : draw.whole(10, 3_000) },
            tags: [isLarge ? "size:large" : "size:small"],
          };
        },
        steps: {
          query: { system: "warehouse", policy: { timeoutMs: 6_000, retry: { attemptsMax: 2 } } },
          render: { system: "pdf", after: ["query"] },
        },
      },
    },
    systems: {
      warehouse: {
        instances: draw.whole(2, 6),
        losesLate: true,
        react: ({ draw, minute, task }) => ({
          ms: minute >= start && minute < end && (task.input.rows as number) >= 50_000
            ? draw.lognormal(slow, slow * 1.5)
            : draw.lognormal(400, 1_500),
        }),
      },
      pdf: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(300, 1_000) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_retry", "eject_instance"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["query"] },
    },
  };
});
