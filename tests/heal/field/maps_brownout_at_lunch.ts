import { scenario } from "tasker/simulation";

/**
 * A provider loses most of its capacity as lunch begins. Another one is slower, has room, and offers the
 * same; forecasts could wait.
 */
export default scenario((draw) => {
  const left = draw.whole(2, 3);
  const peak = draw.between(170, 200);
  const isBrown = (minute: number) => minute >= 24 && minute < 80;
  return {
    about: "routes come from a provider that browns out at lunch, beside one that has room",
    minutes: 100,
    workflows: {
      "food/order": {
        perMinute: (minute) => minute < 21 ? 90 : Math.min(peak, 90 + (minute - 21) * 8),
        task: ({ draw }) => ({ priority: draw.chance(0.7) ? 1 : 4 }),
        steps: {
          kitchen: { system: "kitchens" },
          route: {
            system: "maps",
            after: ["kitchen"],
            policy: { timeoutMs: 6_000, retry: { attemptsMax: 3, delayMsMin: 500 } },
          },
          assign: { system: "couriers", after: ["route"] },
        },
        heal: { tier: "T1", timeoutMs: [2_000, 12_000], attemptsMax: [1, 4] },
      },
    },
    systems: {
      kitchens: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
      maps: {
        capacity: { workers: (minute) => isBrown(minute) ? left : 16 },
        losesLate: true,
        react: ({ draw }) => ({ ms: draw.lognormal(1_700, 3_500) }),
      },
      atlas: {
        offers: ["maps.route"],
        capacity: { workers: 60 },
        react: ({ draw }) => ({ ms: draw.lognormal(2_400, 4_800) }),
      },
      couriers: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(100, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000, of: ({ priority }) => priority === 1 },
      // Longer time-outs keep a full provider full, and holding it without another stops lunch.
      forbidden: ["set_timeout", "hold_system"],
      diagnosis: { failureType: ["overload", "timeout"], steps: ["route"] },
    },
  };
});
