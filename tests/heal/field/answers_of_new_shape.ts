import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.35, 0.5);
  const isChanged = (minute: number) => minute >= 12 && minute < 66;
  return {
    about: "a partner rolls out another form of its answers; its old interface is still there",
    minutes: 78,
    workflows: {
      "insurance/quote": {
        perMinute: 40,
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          profile: { system: "customers" },
          rate: {
            system: "underwriter",
            event: "quote.rate",
            after: ["profile"],
            policy: { timeoutMs: 12_000 },
          },
          history: { system: "claims", after: ["profile"] },
          offer: { system: "customers", after: ["rate", "history"] },
        },
      },
    },
    systems: {
      customers: { react: ({ draw }) => ({ ms: draw.lognormal(50, 180) }) },
      claims: { react: ({ draw }) => ({ ms: draw.lognormal(200, 700) }) },
      underwriter: {
        react: ({ draw, minute }) =>
          isChanged(minute) && draw.chance(share)
            ? {
              ms: draw.lognormal(500, 1_500),
              failure: {
                class: "contract_violation",
                code: "contract_violation",
                message: "premium: expected number, received object",
              },
            }
            : { ms: draw.lognormal(500, 1_500) },
      },
      "underwriter-old": {
        offers: ["quote.rate"],
        react: ({ draw }) => ({ ms: draw.lognormal(1_100, 3_500) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // Answers come in time and from a system that is up: only their form is wrong.
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["contract_drift"], steps: ["rate"] },
    },
  };
});
