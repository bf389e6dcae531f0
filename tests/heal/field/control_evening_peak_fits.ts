import { scenario } from "tasker/simulation";

// A seasonal peak that fits: twice to three times as many orders, and workers for all of them.
export default scenario((draw) => {
  const low = draw.whole(25, 40), factor = draw.between(2, 2.8), middle = draw.whole(42, 50);
  return {
    about: "orders of meals rise in the evening as each day, and fit",
    minutes: 90,
    workflows: {
      "meal/order": {
        perMinute: (minute: number) =>
          low * (1 + (factor - 1) * Math.exp(-(((minute - middle) / 14) ** 2))),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 4] },
        steps: {
          kitchen: { system: "kitchens", policy: { timeoutMs: 10_000, retry: { attemptsMax: 3 } } },
          courier: { system: "couriers", after: ["kitchen"] },
        },
      },
    },
    systems: {
      kitchens: {
        instances: 3,
        capacity: { workers: 2 },
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(900, 2_600) * (1 + 0.25 * Math.exp(-(((minute - middle) / 14) ** 2))),
        }),
      },
      couriers: { react: ({ draw }) => ({ ms: draw.lognormal(200, 800) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
