import { scenario } from "tasker/simulation";

/**
 * An acquirer answers 504 for charges that it may have made. The workflow tries once and lets a person
 * look: the right answer is to report it, and to repeat nothing.
 */
export default scenario((draw) => {
  const share = draw.between(0.22, 0.38);
  const isUnknown = (minute: number) => minute >= 15 && minute < 70;
  return {
    about: "a third of the charges end with an outcome that nobody knows",
    minutes: 85,
    workflows: {
      "ticket/buy": {
        perMinute: 45,
        steps: {
          hold: { system: "seats" },
          charge: {
            system: "acquirer",
            after: ["hold"],
            policy: { timeoutMs: 20_000, retry: { attemptsMax: 1 }, onExhausted: "park" },
          },
          issue: { system: "seats", after: ["charge"] },
        },
        heal: { tier: "none" },
      },
    },
    systems: {
      seats: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      acquirer: {
        react: ({ draw, minute }) => {
          const ms = draw.lognormal(500, 1_500);
          if (!isUnknown(minute) || !draw.chance(share)) return { ms };
          const message = "504 Gateway Timeout: outcome unknown, the charge may have been made";
          const failure = { code: "outcome_unknown", message, retryable: false } as const;
          return { ms: draw.between(9_000, 12_000), failure: { ...failure, class: "thrown" } };
        },
      },
      "acquirer-b": {
        offers: ["acquirer.charge"],
        react: ({ draw }) => ({ ms: draw.lognormal(600, 1_800) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // Whoever tries again, or waits less long, may charge a person twice.
      forbidden: ["set_retry", "set_timeout", "eject_instance"],
      diagnosis: { failureType: ["ambiguous_side_effect", "timeout"], steps: ["charge"] },
    },
  };
});
