import { scenario } from "tasker/simulation";

/** Load follows the day, and what is asked for at night takes longer: as every day. */
export default scenario((draw) => {
  const swing = draw.between(0.5, 0.7);
  return {
    about: "control: load and durations follow the time of day, well inside what there is",
    minutes: 120,
    workflows: {
      "food/delivery": {
        perMinute: (minute) => 40 * (1 + swing * Math.sin(minute / 15)),
        steps: {
          kitchen: { system: "kitchens" },
          courier: {
            system: "couriers",
            after: ["kitchen"],
            policy: { timeoutMs: 30_000 },
          },
        },
      },
    },
    systems: {
      kitchens: { react: ({ draw }) => ({ ms: draw.lognormal(400, 1_500) }) },
      couriers: {
        capacity: { workers: 20 },
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(3_000, 7_000) * (1 + 0.4 * Math.sin(minute / 15 + 2)),
        }),
      },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
