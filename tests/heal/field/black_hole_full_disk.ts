import { scenario } from "tasker/simulation";

// The worker with a full disk fails in milliseconds, so it is always free and attracts the work.
export default scenario((draw) => {
  const start = draw.between(14, 22), end = start + draw.between(35, 50);
  const workers = draw.whole(8, 20), sick = `ffmpeg-${draw.whole(1, workers)}`;
  const perMinute = Math.min(200, Math.round(workers * 60 / 5 * 0.85));
  return {
    about:
      "one worker with a full disk fails at once, is always free, and draws more than its share",
    minutes: 80,
    workflows: {
      "video/encode": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [5_000, 60_000], attemptsMax: [1, 6] },
        steps: {
          encode: { system: "ffmpeg", policy: { timeoutMs: 40_000, retry: { attemptsMax: 1 } } },
          publish: { system: "cdn", after: ["encode"] },
        },
      },
    },
    systems: {
      ffmpeg: {
        instances: workers,
        capacity: { workers: 1 },
        react: ({ draw, minute, instance }) =>
          minute >= start && minute < end && instance === sick
            ? {
              ms: draw.between(30, 120),
              failure: {
                class: "thrown",
                code: "ENOSPC",
                message: "ENOSPC: no space left on device, write '/scratch/seg-00041.ts'",
              },
            }
            : { ms: draw.lognormal(4_000, 11_000) },
      },
      cdn: { react: ({ draw }) => ({ ms: draw.lognormal(200, 600) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000 },
      forbidden: ["set_timeout"],
      diagnosis: {
        failureType: ["worker_local", "partial_endpoint", "storage", "resource"],
        steps: ["encode"],
      },
    },
  };
});
