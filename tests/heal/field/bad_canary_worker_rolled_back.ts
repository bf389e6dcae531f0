import { scenario } from "tasker/simulation";

// A canary of a new build joins the pool; people roll it back much later.
export default scenario((draw) => {
  const start = draw.whole(14, 20), end = start + draw.whole(35, 50);
  const old = draw.whole(4, 7);
  const broken = {
    class: "thrown",
    code: "TypeError",
    message: "Cannot read properties of undefined (reading 'currency')",
  } as const;
  const names = Array.from({ length: old }, (_, index) => [`v41-${index + 1}`, {}] as const);
  return {
    about: "a canary of a new build breaks most of what it gets, until it is rolled back",
    minutes: 80,
    workflows: {
      "payout/run": {
        perMinute: draw.whole(30, 100),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          verify: { system: "kyc" },
          transfer: {
            system: "bank",
            after: ["verify"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 1 } },
          },
          notify: { system: "mail", after: ["transfer"] },
        },
      },
    },
    systems: {
      kyc: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(150, 600) }) },
      bank: {
        instances: {
          ...Object.fromEntries(names),
          "v42-canary": { fromMinute: start, untilMinute: end },
        },
        react: ({ draw, instance }) =>
          instance === "v42-canary" && draw.chance(0.85)
            ? { ms: draw.between(5, 30), failure: broken }
            : { ms: draw.lognormal(400, 1_500) },
      },
      mail: { react: ({ draw }) => ({ ms: draw.lognormal(90, 500) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout"],
      diagnosis: {
        failureType: ["deploy_regression", "worker_local", "partial_endpoint"],
        steps: ["transfer"],
      },
    },
  };
});
