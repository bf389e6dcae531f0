import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const backAt = draw.between(20, 22);
  const isDown = (minute: number) => minute >= 12 && minute < backAt;
  return {
    about: "a store is away for nine minutes, and all that waited for it comes back together",
    minutes: 80,
    workflows: {
      "iot/ingest": {
        perMinute: 150,
        task: ({ draw }) => ({ priority: draw.chance(0.5) ? 4 : 2 }),
        heal: { tier: "T1", timeoutMs: [5_000, 60_000], attemptsMax: [1, 40] },
        steps: {
          decode: { system: "decoder" },
          store: {
            system: "series",
            after: ["decode"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 30, backoff: [20_000] } },
          },
        },
      },
    },
    systems: {
      decoder: { react: ({ draw }) => ({ ms: draw.lognormal(15, 60) }) },
      series: {
        instances: 2,
        capacity: { workers: 4 },
        losesLate: true,
        react: ({ draw, minute }) =>
          isDown(minute)
            ? {
              ms: 20,
              failure: { class: "thrown", code: "ECONNREFUSED", message: "connection refused" },
            }
            : { ms: draw.lognormal(2_500, 5_000) },
      },
    },
    wanted: {
      slo: { success: 0.9, withinMs: 300_000, of: ({ priority }) => priority <= 3 },
      // After the outage both stores are needed, and every reading is good.
      forbidden: ["eject_instance", "quarantine_task", "switch_system"],
      diagnosis: { failureType: ["dependency_down", "overload", "timeout"], steps: ["store"] },
    },
  };
});
