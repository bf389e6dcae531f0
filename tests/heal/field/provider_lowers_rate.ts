import { scenario } from "tasker/simulation";

// The provider moves the account to a smaller plan: the rate is just above the load, without bursts.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(40, 50);
  const perMinute = draw.whole(60, 150);
  const low = perMinute / 60 * draw.between(1.05, 1.15);
  return {
    about: "a provider lowers its rate to just above the load, and bursts are refused",
    minutes: 80,
    workflows: {
      "sms/send": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 8] },
        steps: {
          template: { system: "templates" },
          send: {
            system: "gateway",
            after: ["template"],
            policy: {
              timeoutMs: 5_000,
              retry: { attemptsMax: 2, backoff: "none", delayMsMin: 200 },
            },
          },
        },
      },
    },
    systems: {
      templates: { react: ({ draw }) => ({ ms: draw.lognormal(20, 60) }) },
      gateway: {
        rateLimit: { perS: (minute) => minute >= start && minute < end ? low : 20 },
        react: ({ draw }) => ({ ms: draw.lognormal(180, 700) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 600_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["rate_limit"], steps: ["send"] },
    },
  };
});
