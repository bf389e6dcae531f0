import { scenario } from "tasker/simulation";

/** A provider of addresses lowers the rate at which it answers; refused attempts come back too soon. */
export default scenario((draw) => {
  const cut = draw.whole(14, 20);
  return {
    about: "a provider cuts its rate to a little above the mean load, below every other minute's",
    minutes: 75,
    workflows: {
      "post/parcel": {
        perMinute: (minute) => Math.floor(minute) % 2 === 0 ? 130 : 270,
        steps: {
          address: {
            system: "addresses",
            policy: { timeoutMs: 6_000, retry: { attemptsMax: 2, delayMsMin: 200 } },
          },
        },
      },
    },
    systems: {
      addresses: {
        rateLimit: { perS: (minute) => minute < cut ? 20 : 4 },
        react: ({ draw }) => ({ ms: draw.lognormal(750, 1_300) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["rate_limit"], steps: ["address"] },
    },
  };
});
