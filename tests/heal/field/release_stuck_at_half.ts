import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const factor = draw.between(7, 10);
  const [rolledOutAt, rolledBackAt] = [15, 65];
  return {
    about: "a release of a worker stops half-way; the new half takes eight times as long",
    minutes: 78,
    workflows: {
      "media/thumbnail": {
        perMinute: 100,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 4] },
        steps: {
          download: { system: "bucket" },
          scale: {
            system: "imaging",
            after: ["download"],
            policy: { timeoutMs: 3_000, retry: { attemptsMax: 2 } },
          },
          upload: { system: "bucket", after: ["scale"] },
        },
      },
    },
    systems: {
      bucket: { react: ({ draw }) => ({ ms: draw.lognormal(70, 250) }) },
      imaging: {
        instances: {
          "img-7f2-1": {},
          "img-7f2-2": {},
          "img-7f2-3": {},
          "img-7f2-4": { untilMinute: rolledOutAt },
          "img-7f2-5": { untilMinute: rolledOutAt },
          "img-7f2-6": { untilMinute: rolledOutAt },
          "img-80a-1": { fromMinute: rolledOutAt, untilMinute: rolledBackAt },
          "img-80a-2": { fromMinute: rolledOutAt, untilMinute: rolledBackAt },
          "img-80a-3": { fromMinute: rolledOutAt, untilMinute: rolledBackAt },
          "img-7f2-7": { fromMinute: rolledBackAt },
          "img-7f2-8": { fromMinute: rolledBackAt },
          "img-7f2-9": { fromMinute: rolledBackAt },
        },
        capacity: { workers: 6 },
        losesLate: true,
        react: ({ draw, instance }) => ({
          ms: draw.lognormal(500, 1_100) * (instance.startsWith("img-80a") ? factor : 1),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // The old half has room for all pictures: none has to wait or to be set aside.
      forbidden: ["pause_starts", "quarantine_task", "hold_system", "open_circuit"],
      diagnosis: {
        failureType: ["deploy_regression", "worker_local", "latency_shift"],
        steps: ["scale"],
      },
    },
  };
});
