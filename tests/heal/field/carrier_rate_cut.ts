import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const cutTo = draw.between(2.3, 2.6);
  return {
    about:
      "a carrier lowers the rate to little more than is asked for, and three calls come at once",
    minutes: 82,
    workflows: {
      "shop/dispatch": {
        perMinute: 40,
        heal: { tier: "T1", attemptsMax: [1, 10] },
        steps: {
          pack: { system: "store" },
          label: {
            system: "carrier",
            after: ["pack"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 4, backoff: "none" } },
          },
          pickup: {
            system: "carrier",
            after: ["pack"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 4, backoff: "none" } },
          },
          track: {
            system: "carrier",
            after: ["pack"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 4, backoff: "none" } },
          },
        },
      },
    },
    systems: {
      store: { react: ({ draw }) => ({ ms: draw.lognormal(80, 250) }) },
      carrier: {
        rateLimit: { perS: (minute) => minute >= 10 && minute < 70 ? cutTo : 12 },
        react: ({ draw }) => ({ ms: draw.lognormal(220, 800) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 180_000 },
      // Refusals come at once from the provider itself: no time-out, worker or task is at fault.
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["rate_limit"], steps: ["label", "pickup", "track"] },
    },
  };
});
