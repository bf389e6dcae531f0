import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const backfill = draw.between(95, 120);
  return {
    about: "a backfill of old recordings is started in the day and crowds out live ones",
    minutes: 75,
    workflows: {
      "media/live": {
        perMinute: 20,
        task: () => ({ priority: 1, tags: ["source:studio"] }),
        heal: { tier: "T0" },
        steps: {
          cut: { system: "cutter" },
          transcode: {
            system: "transcoder",
            event: "video.transcode",
            after: ["cut"],
            policy: { timeoutMs: 40_000 },
          },
          publish: { system: "cutter", after: ["transcode"] },
        },
      },
      "media/backfill": {
        perMinute: (minute) => minute >= 12 && minute < 58 ? backfill : 0,
        task: () => ({ priority: 5, tags: ["source:archive"] }),
        heal: { tier: "T0" },
        steps: {
          transcode: {
            system: "transcoder",
            event: "video.transcode",
            policy: { timeoutMs: 40_000, retry: { attemptsMax: 5 } },
          },
        },
      },
    },
    systems: {
      cutter: { react: ({ draw }) => ({ ms: draw.lognormal(200, 700) }) },
      transcoder: {
        instances: 4,
        capacity: { workers: 3 },
        losesLate: true,
        react: ({ draw }) => ({ ms: draw.lognormal(7_500, 15_000) }),
      },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 60_000,
        of: ({ workflow }) => workflow === "media/live",
      },
      // The transcoder is well and needed as a whole; there is only too much to do.
      forbidden: ["eject_instance", "switch_system", "quarantine_task"],
      diagnosis: { failureType: ["overload", "timeout"], steps: ["transcode"] },
    },
  };
});
