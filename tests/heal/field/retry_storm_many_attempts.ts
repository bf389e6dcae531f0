import { scenario } from "tasker/simulation";

// SREGym's metastable kind with a trigger that stays: short time-out, many attempts without backoff, a
// server that finishes abandoned work.
export default scenario((draw) => {
  const start = draw.between(15, 20), long = draw.between(35, 45);
  const times = draw.between(1.5, 1.6), places = draw.whole(3, 5), perMinute = draw.whole(100, 200);
  // Load is 54 to 58 % of what the places do, and about 87 % of what they do while they are slow.
  const p50 = places * 60_000 / perMinute * draw.between(0.54, 0.58) / 1.05;
  return {
    about:
      "answers become half as slow again, and six attempts a task with a short time-out turn that into a storm",
    minutes: 80,
    workflows: {
      "ads/bid": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [500, 10_000], attemptsMax: [1, 6] },
        steps: {
          bid: {
            system: "bidder",
            policy: {
              timeoutMs: Math.round(p50 * 3.8),
              retry: { attemptsMax: 6, backoff: "none", delayMsMin: 100 },
            },
          },
        },
      },
    },
    systems: {
      bidder: {
        capacity: { workers: places, queueMax: 256 },
        losesLate: true,
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(p50, p50 * 2.5) *
            (minute >= start && minute < start + long ? times : 1),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000 },
      forbidden: ["eject_instance"],
      diagnosis: { failureType: ["overload", "latency_shift"], steps: ["bid"] },
    },
  };
});
