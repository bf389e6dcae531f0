import { scenario } from "tasker/simulation";

// A transaction is not closed on an error path: connections of the pool are lost, up to half of them.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(40, 50);
  const pool = draw.pick([6, 8, 10]);
  const full = (minute: number) => minute >= start && minute < end ? pool / 2 : pool;
  // Load is 65 % of what the whole pool does at 2.3 s a query.
  const perMinute = Math.round(pool * 60 / 2.3 * 0.65);
  return {
    about: "half of the database connections leak away, and the queue for the rest grows",
    minutes: 80,
    workflows: {
      "crm/sync": {
        perMinute,
        task: ({ draw }) =>
          draw.chance(0.55)
            ? { priority: 5, tags: ["kind:enrich"] }
            : { priority: 2, tags: ["kind:user"] },
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          load: { system: "api" },
          upsert: {
            system: "crmdb",
            after: ["load"],
            policy: { timeoutMs: 9_000, retry: { attemptsMax: 4 } },
          },
        },
      },
    },
    systems: {
      api: { instances: 3, react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
      crmdb: {
        capacity: { workers: full },
        react: ({ draw }) => ({ ms: draw.lognormal(2_100, 5_000) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000, of: ({ priority }) => priority <= 2 },
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["overload", "resource"], steps: ["upsert"] },
    },
  };
});
