import { scenario } from "tasker/simulation";

// The quota of the day is spent an hour before midnight UTC; a second provider has the same capability.
export default scenario((draw) => {
  const start = draw.between(18, 24), end = start + draw.between(40, 50);
  return {
    about: "the quota of the day is used up; another provider could translate too",
    minutes: 85,
    workflows: {
      "text/translate": {
        perMinute: draw.whole(30, 120),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          split: { system: "text" },
          translate: {
            system: "lingua",
            event: "mt.translate",
            after: ["split"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 2 } },
          },
          join: { system: "text", after: ["translate"] },
        },
      },
    },
    systems: {
      text: { react: ({ draw }) => ({ ms: draw.lognormal(10, 30) }) },
      lingua: {
        react: ({ draw, minute }) =>
          minute >= start && minute < end
            ? {
              ms: 30,
              failure: {
                code: "quota_exceeded",
                message: "403 Daily Limit Exceeded: the quota will be reset at midnight",
                retryable: false,
              },
            }
            : { ms: draw.lognormal(500, 1_600) },
      },
      babel: {
        offers: ["mt.translate"],
        instances: 2,
        react: ({ draw }) => ({ ms: draw.lognormal(900, 3_000) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "set_retry", "eject_instance"],
      diagnosis: { failureType: ["rate_limit", "resource"], steps: ["translate"] },
    },
  };
});
