import { scenario } from "tasker/simulation";

// The database fails over to another continent: every answer takes several round trips over an ocean.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(45, 60);
  const far = draw.between(3_200, 4_400);
  return {
    about: "after a failover to another region every answer takes longer than the time-out",
    minutes: 90,
    workflows: {
      "ids/verify": {
        perMinute: draw.whole(25, 80),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 5] },
        steps: {
          read: { system: "profiles", policy: { timeoutMs: 2_500, retry: { attemptsMax: 3 } } },
          check: { system: "rules", after: ["read"] },
        },
      },
    },
    systems: {
      profiles: {
        instances: 3,
        losesLate: true,
        react: ({ draw, minute }) => ({
          ms: minute >= start && minute < end
            ? draw.lognormal(far, far * 1.5)
            : draw.lognormal(220, 900),
        }),
      },
      rules: { react: ({ draw }) => ({ ms: draw.lognormal(25, 70) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000 },
      forbidden: ["set_retry", "eject_instance"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["read"] },
    },
  };
});
