import { scenario } from "tasker/simulation";

/** A gateway for text messages restarts again and again; another aggregator is under contract. */
export default scenario((draw) => {
  const began = draw.whole(12, 16);
  const period = draw.between(1.3, 1.7);
  return {
    about: "a gateway for text messages is down half of every ninety seconds",
    minutes: 75,
    workflows: {
      "identity/login": {
        perMinute: 80,
        steps: {
          code: {
            system: "gateway",
            event: "sms.send",
            policy: { timeoutMs: 5_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      gateway: {
        offers: ["sms.send"],
        react: ({ draw, minute }) =>
          minute >= began && (minute - began) % period < 0.55 * period
            ? {
              ms: 40,
              failure: { class: "thrown", code: "smpp_bind", message: "connection refused" },
            }
            : { ms: draw.lognormal(350, 1_200) },
      },
      aggregator: {
        offers: ["sms.send"],
        react: ({ draw }) => ({ ms: draw.lognormal(700, 2_200) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["flapping", "dependency_down"], steps: ["code"] },
    },
  };
});
