import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.3, 0.45);
  const coldMs = draw.between(8_000, 11_000);
  const isCold = (number: number, minute: number) =>
    minute >= 10 && minute < 70 && number * 2_654_435_761 % 1_000 < share * 1_000;
  return {
    about: "a third of the objects was moved to slow storage, where each fetch takes ten seconds",
    minutes: 80,
    workflows: {
      "archive/restore": {
        perMinute: 40,
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 4] },
        steps: {
          locate: { system: "catalogue" },
          fetch: {
            system: "objects",
            after: ["locate"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 2 } },
          },
          verify: { system: "checksums", after: ["fetch"] },
        },
      },
    },
    systems: {
      catalogue: { react: ({ draw }) => ({ ms: draw.lognormal(25, 80) }) },
      objects: {
        losesLate: true,
        react: ({ draw, minute, task }) => ({
          ms: isCold(task.number, minute)
            ? draw.lognormal(coldMs, coldMs * 1.6)
            : draw.lognormal(300, 700),
        }),
      },
      checksums: { react: ({ draw }) => ({ ms: draw.lognormal(200, 600) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // Cold objects are ordinary orders of customers: they are neither poison nor to be held back.
      forbidden: ["pause_starts", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["fetch"] },
    },
  };
});
