import { scenario } from "tasker/simulation";

// A provider's rate limit lowered: the contract was downgraded; the mean still fits, the waves do not.
export default scenario((draw) => {
  const start = draw.whole(13, 17), end = start + draw.whole(46, 56);
  const mean = draw.whole(45, 60), swing = draw.between(0.7, 0.85), room = draw.between(1.3, 1.42);
  return {
    about: "a provider of text messages now takes little more than the mean of what is sent",
    minutes: 85,
    workflows: {
      "clinic/reminder": {
        perMinute: (minute: number) => mean * (1 + swing * Math.sin((minute / 10) * 2 * Math.PI)),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 10] },
        steps: {
          text: { system: "templates" },
          send: {
            system: "sms",
            after: ["text"],
            policy: {
              timeoutMs: 5_000,
              retry: { attemptsMax: 2, delayMsMin: 500, delayMsMax: 5_000 },
            },
          },
        },
      },
    },
    systems: {
      templates: { react: ({ draw }) => ({ ms: draw.lognormal(30, 120) }) },
      sms: {
        rateLimit: {
          perS: (minute: number) =>
            minute >= start && minute < end ? mean * room / 60 : mean * 4 / 60,
          retryAfterMs: 8_000,
        },
        react: ({ draw }) => ({ ms: draw.lognormal(180, 700) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 900_000 },
      // it refuses at once: no time-out helps, and there is no instance of ours to take out
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: {
        failureType: ["rate_limit"],
        steps: ["send"],
      },
    },
  };
});
