import { scenario } from "tasker/simulation";

// SREGym's concurrent kind: two faults that have nothing to do with each other overlap.
export default scenario((draw) => {
  const start = draw.between(14, 18), end = start + draw.between(50, 60);
  const second = start + draw.between(6, 12);
  const sick = `index-${draw.whole(1, 5)}`, far = draw.between(2_400, 3_200);
  return {
    about:
      "one worker of a system is broken while another system has become slower than its time-out",
    minutes: 90,
    workflows: {
      "search/reindex": {
        perMinute: draw.whole(40, 90),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 5] },
        steps: {
          embed: { system: "embed", policy: { timeoutMs: 2_000, retry: { attemptsMax: 2 } } },
          index: {
            system: "index",
            after: ["embed"],
            policy: { timeoutMs: 5_000, retry: { attemptsMax: 1 } },
          },
        },
      },
    },
    systems: {
      embed: {
        instances: 3,
        losesLate: true,
        react: ({ draw, minute }) => ({
          ms: minute >= second && minute < end
            ? draw.lognormal(far, far * 1.5)
            : draw.lognormal(350, 1_000),
        }),
      },
      index: {
        instances: 5,
        react: ({ draw, minute, instance }) =>
          minute >= start && minute < end && instance === sick
            ? {
              ms: draw.between(10, 40),
              failure: {
                class: "thrown",
                code: "shard_corrupted",
                message: "CorruptIndexException: checksum failed (hardware problem?)",
              },
            }
            : { ms: draw.lognormal(80, 300) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 40_000 },
      diagnosis: {
        failureType: ["worker_local", "partial_endpoint", "storage", "latency_shift", "timeout"],
        steps: ["embed", "index"],
      },
    },
  };
});
