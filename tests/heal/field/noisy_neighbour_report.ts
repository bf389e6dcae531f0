import { scenario } from "tasker/simulation";

// Someone starts a report of the year: heavy queries on the warehouse that the checkout reads too.
export default scenario((draw) => {
  const start = draw.between(14, 20), end = start + draw.between(35, 50);
  const heavyMs = draw.between(7_000, 11_000), per = draw.between(45, 60);
  return {
    about: "heavy reports of another workflow fill the warehouse that offers are read from",
    minutes: 80,
    workflows: {
      "shop/offer": {
        perMinute: draw.whole(60, 90),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        task: () => ({ priority: 2 }),
        steps: {
          lookup: { system: "warehouse", policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } } },
          price: { system: "pricing", after: ["lookup"] },
        },
      },
      "finance/report": {
        perMinute: (minute) => minute >= start && minute < end ? per : 1,
        heal: { tier: "T1", timeoutMs: [5_000, 120_000], attemptsMax: [1, 6] },
        task: () => ({ priority: 4, tags: ["load:year-end"] }),
        steps: {
          aggregate: {
            system: "warehouse",
            policy: { timeoutMs: 60_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      warehouse: {
        instances: 2,
        capacity: { workers: 3, dropsAbandoned: true },
        react: ({ draw, task }) => ({
          ms: task.workflow === "finance/report"
            ? draw.lognormal(heavyMs, heavyMs * 2)
            : draw.lognormal(400, 1_300),
        }),
      },
      pricing: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(50, 220) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000, of: ({ workflow }) => workflow === "shop/offer" },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "resource"], steps: ["lookup", "aggregate"] },
    },
  };
});
