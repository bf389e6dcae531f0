import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const p99 = draw.between(10_000, 14_000);
  return {
    about: "reports take from a tenth of a second to half a minute, today as on any day",
    minutes: 75,
    workflows: {
      "reports/build": {
        perMinute: 30,
        heal: { tier: "T1", timeoutMs: [5_000, 120_000], attemptsMax: [1, 5] },
        steps: {
          query: { system: "warehouse", policy: { timeoutMs: 60_000 } },
          draw: { system: "charts", after: ["query"] },
          mail: { system: "mail", after: ["draw"] },
        },
      },
    },
    systems: {
      warehouse: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(700, p99) }) },
      charts: { react: ({ draw }) => ({ ms: draw.lognormal(250, 900) }) },
      mail: { react: ({ draw }) => ({ ms: draw.lognormal(90, 400) }) },
    },
    wanted: { slo: { success: 0.9, withinMs: 90_000 }, isControl: true },
  };
});
