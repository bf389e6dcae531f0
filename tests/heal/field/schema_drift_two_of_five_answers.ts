import { scenario } from "tasker/simulation";

// A partner rolls out a new API to part of its fleet: amounts are strings in part of the answers.
export default scenario((draw) => {
  const start = draw.between(15, 22), end = start + draw.between(35, 45);
  const share = draw.between(0.3, 0.5);
  const failure = {
    class: "contract_violation",
    code: "contract_violation",
    message: "result.amount: expected number, received string",
    retryable: false,
  } as const;
  return {
    about: "two of five answers of a partner have another type in one field",
    minutes: 80,
    workflows: {
      "claims/settle": {
        perMinute: draw.whole(20, 60),
        heal: { tier: "T1", attemptsMax: [1, 6] },
        steps: {
          assess: { system: "partner", policy: { timeoutMs: 6_000, retry: { attemptsMax: 3 } } },
          settle: { system: "core", after: ["assess"] },
        },
      },
    },
    systems: {
      partner: {
        instances: 2,
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(share)
            ? { ms: draw.lognormal(240, 700), failure }
            : { ms: draw.lognormal(240, 700) },
      },
      core: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["contract_drift"], steps: ["assess"] },
    },
  };
});
