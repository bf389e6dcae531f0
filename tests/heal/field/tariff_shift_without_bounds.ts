import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const factor = draw.between(3.5, 5);
  const isSlow = (minute: number) => minute >= 14 && minute < 64;
  return {
    about: "tariffs take four times as long from one minute to the next; no bounds are declared",
    minutes: 76,
    workflows: {
      "freight/quote": {
        perMinute: 90,
        steps: {
          parse: { system: "desk" },
          distance: { system: "maps", after: ["parse"] },
          tariff: {
            system: "tariffs",
            after: ["parse"],
            policy: { timeoutMs: 1_500, retry: { attemptsMax: 2 } },
          },
          offer: { system: "desk", after: ["distance", "tariff"] },
        },
      },
    },
    systems: {
      desk: { react: ({ draw }) => ({ ms: draw.lognormal(30, 90) }) },
      maps: { react: ({ draw }) => ({ ms: draw.lognormal(150, 500) }) },
      tariffs: {
        instances: 3,
        losesLate: true,
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(400, 900) * (isSlow(minute) ? factor : 1),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // Demand is as usual, and each worker is as slow as the others.
      forbidden: ["pause_starts", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["tariff"] },
    },
  };
});
