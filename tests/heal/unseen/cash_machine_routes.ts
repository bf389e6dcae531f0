import { scenario } from "tasker/simulation";

/** A third of the connections to a card network go by a route whose packets are lost. */
export default scenario((draw) => {
  const began = draw.whole(10, 15);
  const share = draw.between(0.25, 0.33);
  return {
    about: "a share of the card authorisations goes by a dead route, the others are quick",
    minutes: 75,
    workflows: {
      "bank/withdrawal": {
        perMinute: 90,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          authorise: {
            system: "network",
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 5, delayMsMin: 200 } },
          },
          dispense: { system: "machines", after: ["authorise"] },
        },
      },
    },
    systems: {
      network: {
        react: ({ draw, minute }) =>
          minute >= began && draw.chance(share) ? undefined : { ms: draw.lognormal(250, 900) },
      },
      machines: { react: ({ draw }) => ({ ms: draw.lognormal(1_500, 3_000) }) },
    },
    wanted: {
      slo: { success: 0.94, withinMs: 12_000 },
      forbidden: ["pause_starts", "hold_system", "limit_system", "quarantine_task"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["authorise"] },
    },
  };
});
