import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const most = draw.between(4.5, 6.5);
  const growth = (minute: number) =>
    minute < 12 || minute >= 74 ? 1 : Math.min(most, 1 + (most - 1) * (minute - 12) / 30);
  return {
    about: "text recognition becomes slower over half an hour, until few pages are read in time",
    minutes: 86,
    workflows: {
      "claims/paper": {
        perMinute: 25,
        heal: { tier: "T1", timeoutMs: [3_000, 40_000], attemptsMax: [1, 5] },
        steps: {
          receive: { system: "letters" },
          read: {
            system: "ocr",
            after: ["receive"],
            policy: { timeoutMs: 6_000, retry: { attemptsMax: 3 } },
          },
          file: { system: "cabinet", after: ["read"] },
        },
      },
    },
    systems: {
      letters: { react: ({ draw }) => ({ ms: draw.lognormal(40, 120) }) },
      ocr: {
        instances: 4,
        losesLate: true,
        react: ({ draw, minute }) => ({ ms: draw.lognormal(1_800, 3_600) * growth(minute) }),
      },
      cabinet: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 180_000 },
      // All workers and all tasks are alike: nothing is gained where some of them are kept out.
      forbidden: ["pause_starts", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["read"] },
    },
  };
});
