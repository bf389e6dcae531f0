import { scenario } from "tasker/simulation";

// One JVM with a heap that is too small stops the world for many seconds, several times a minute.
export default scenario((draw) => {
  const start = draw.between(15, 22), end = start + draw.between(38, 50);
  const workers = draw.whole(5, 8);
  const sick = `score-${draw.whole(1, workers)}`;
  const everyMs = draw.between(16_000, 24_000), pauseMs = everyMs * draw.between(0.72, 0.85);
  return {
    about: "one of several workers pauses for garbage collection most of the time",
    minutes: 82,
    workflows: {
      "risk/score": {
        perMinute: draw.whole(60, 140),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 5] },
        steps: {
          features: { system: "features" },
          score: {
            system: "score",
            after: ["features"],
            policy: { timeoutMs: 3_000, retry: { attemptsMax: 1 } },
          },
        },
      },
    },
    systems: {
      features: { react: ({ draw }) => ({ ms: draw.lognormal(30, 120) }) },
      score: {
        instances: workers,
        losesLate: true,
        react: ({ draw, minute, instance }) => {
          const ms = draw.lognormal(90, 380);
          if (instance !== sick || minute < start || minute >= end) return { ms };
          const at = (minute * 60_000) % everyMs;
          return { ms: ms + Math.max(0, pauseMs - at) };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000 },
      diagnosis: { failureType: ["worker_local", "partial_endpoint"], steps: ["score"] },
    },
  };
});
