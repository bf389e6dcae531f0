import { scenario } from "tasker/simulation";

// Bimodal latency: a good part of the look-ups goes by a cold replica; another try is usually quick.
export default scenario((draw) => {
  const start = draw.whole(13, 18),
    end = start + draw.whole(40, 55),
    share = draw.between(0.22, 0.4);
  return {
    about: "a third of the look-ups of customs tariffs takes twenty seconds, the rest is as ever",
    minutes: 80,
    workflows: {
      "freight/declare": {
        perMinute: draw.whole(30, 60),
        heal: { tier: "T1", timeoutMs: [1_000, 60_000], attemptsMax: [1, 5] },
        steps: {
          tariff: {
            system: "customs_tariff",
            policy: { timeoutMs: 40_000, retry: { attemptsMax: 3, delayMsMin: 200 } },
          },
          file: { system: "customs_desk", after: ["tariff"] },
        },
      },
    },
    systems: {
      customs_tariff: {
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(share)
            ? { ms: draw.between(18_000, 30_000) }
            : { ms: draw.lognormal(220, 900) },
      },
      customs_desk: { react: ({ draw }) => ({ ms: draw.lognormal(300, 1_200) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 12_000 },
      // nothing is overloaded and no input is at fault: trucks wait at the border for each task held back
      forbidden: ["pause_starts", "quarantine_task"],
      diagnosis: {
        failureType: ["timeout", "latency_shift", "partial_endpoint"],
        steps: ["tariff"],
      },
    },
  };
});
