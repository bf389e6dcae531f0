import { scenario } from "tasker/simulation";

// A time-out too short for one kind of input: a second scanner begins to send whole volumes.
export default scenario((draw) => {
  const start = draw.whole(13, 18), end = start + draw.whole(42, 56);
  const share = draw.between(0.18, 0.4), ms = draw.between(9_500, 13_000);
  return {
    about: "whole volumes of a new scanner need longer than the time-out that slices were given",
    minutes: 82,
    workflows: {
      "radiology/study": {
        perMinute: draw.whole(12, 28),
        heal: { tier: "T1", timeoutMs: [2_000, 60_000], attemptsMax: [1, 4] },
        task: ({ draw, minute }) => {
          const isVolume = minute >= start && minute < end && draw.chance(share);
          return {
            input: { kind: isVolume ? "volume" : "slice" },
            tags: [isVolume ? "kind:volume" : "kind:slice"],
          };
        },
        steps: {
          store: { system: "archive" },
          segment: {
            system: "segmenter",
            after: ["store"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 2 } },
          },
          report: { system: "reports", after: ["segment"] },
        },
      },
    },
    systems: {
      archive: { react: ({ draw }) => ({ ms: draw.lognormal(200, 900) }) },
      segmenter: {
        instances: 4,
        capacity: { workers: 6 },
        losesLate: true,
        react: ({ draw, task }) =>
          task.tags.includes("kind:volume")
            ? { ms: draw.lognormal(ms, ms * 1.25) }
            : { ms: draw.lognormal(1_400, 3_800) },
      },
      reports: { react: ({ draw }) => ({ ms: draw.lognormal(120, 500) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000 },
      // the studies are good, only large: set aside they would be patients who wait
      forbidden: ["quarantine_task", "eject_instance", "pause_starts"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["segment"] },
    },
  };
});
