import { scenario } from "tasker/simulation";

// Drift of latency: an index nobody rebuilds; the premium calculation grows slower minute by minute.
export default scenario((draw) => {
  const start = draw.whole(13, 17), end = start + draw.whole(50, 58), factor = draw.between(5, 7);
  const slowness = (minute: number) =>
    minute < start || minute >= end ? 1 : 1 + (factor - 1) * Math.min(1, (minute - start) / 22);
  return {
    about: "the premium calculation of an insurer drifts past its time-out",
    minutes: 88,
    workflows: {
      "insurance/quote": {
        perMinute: draw.whole(25, 45),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          risk: { system: "risk_register" },
          premium: {
            system: "premium_engine",
            after: ["risk"],
            policy: { timeoutMs: 3_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      risk_register: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(120, 500) }) },
      premium_engine: {
        instances: 3,
        capacity: { workers: 12 },
        losesLate: true,
        react: ({ draw, minute }) => ({ ms: draw.lognormal(550, 1_500) * slowness(minute) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000 },
      // all instances are slow alike, and no input is at fault: taking either away loses work for nothing
      forbidden: ["eject_instance", "quarantine_task"],
      diagnosis: {
        failureType: ["timeout", "latency_shift"],
        steps: ["premium"],
      },
    },
  };
});
