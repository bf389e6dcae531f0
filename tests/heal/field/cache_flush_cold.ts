import { scenario } from "tasker/simulation";

// A cache is flushed by hand: each answer costs four times as much for some minutes; then it fills
// again, but by then the queue is full of work that nobody waits for.
export default scenario((draw) => {
  const start = draw.between(15, 20), cold = draw.between(5, 7), times = draw.between(3.6, 4.6);
  const places = draw.whole(1, 2);
  const perMinute = Math.round(places * 2 * 60 / 0.75 * draw.between(0.5, 0.6));
  let warm = 1, flushed = false;
  return {
    about:
      "a cache is flushed; answers take four times as long, and the queue stays when it is warm again",
    minutes: 75,
    workflows: {
      "feed/build": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 5] },
        task: ({ draw }) => ({ priority: draw.pick([2, 3, 4]) }),
        steps: {
          graph: { system: "graph", policy: { timeoutMs: 3_500, retry: { attemptsMax: 4 } } },
          rank: { system: "rank", after: ["graph"] },
        },
      },
    },
    systems: {
      graph: {
        instances: 2,
        capacity: { workers: places },
        losesLate: true,
        react: ({ draw, minute }) => {
          if (minute >= start && !flushed) [warm, flushed] = [0, true];
          if (flushed && minute >= start + cold) warm = Math.min(1, warm + 0.002);
          return { ms: draw.lognormal(650, 1_700) * (1 + (times - 1) * (1 - warm)) };
        },
      },
      rank: { react: ({ draw }) => ({ ms: draw.lognormal(60, 240) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "latency_shift"], steps: ["graph"] },
    },
  };
});
