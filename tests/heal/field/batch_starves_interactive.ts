import { scenario } from "tasker/simulation";

// A backfill of lowest priority shares render workers with what people wait for.
export default scenario((draw) => {
  const start = draw.between(14, 20), end = start + draw.between(40, 50);
  const workers = draw.whole(6, 12);
  const total = workers * 2 * 60 / 3.2;
  const interactive = Math.round(total * 0.3),
    batch = Math.min(200 - interactive, Math.round(total * draw.between(0.95, 1.1)));
  const places = Math.max(1, Math.round((interactive * 0.3 + batch) / (total * 0.3 + total) * 2));
  return {
    about: "a backfill of the lowest priority takes the workers that interactive renderings need",
    minutes: 80,
    workflows: {
      "maps/tile": {
        perMinute: interactive,
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 5] },
        task: () => ({ priority: 1 }),
        steps: {
          render: { system: "render", policy: { timeoutMs: 20_000, retry: { attemptsMax: 2 } } },
        },
      },
      "maps/backfill": {
        perMinute: (minute) => minute >= start && minute < end ? batch : 0,
        heal: { tier: "T1", timeoutMs: [2_000, 120_000], attemptsMax: [1, 5] },
        task: () => ({ priority: 5, tags: ["load:backfill"] }),
        steps: {
          render: { system: "render", policy: { timeoutMs: 60_000, retry: { attemptsMax: 6 } } },
        },
      },
    },
    systems: {
      render: {
        instances: workers,
        capacity: { workers: places, dropsAbandoned: true },
        react: ({ draw }) => ({ ms: draw.lognormal(2_900, 6_000) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 40_000, of: ({ priority }) => priority === 1 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "resource"], steps: ["render"] },
    },
  };
});
