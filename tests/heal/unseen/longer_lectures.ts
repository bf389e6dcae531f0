import { scenario } from "tasker/simulation";

/** Over two hours recordings become longer, until most take more than the time-out allows. */
export default scenario((draw) => {
  const factor = draw.between(2.2, 2.6);
  const length = (minute: number) => 1 + (factor - 1) * Math.min(1, Math.max(0, minute - 20) / 50);
  return {
    about: "recordings of lectures take longer and longer to transcribe, beyond the time-out",
    minutes: 150,
    workflows: {
      "campus/transcript": {
        perMinute: 6,
        heal: { tier: "T1", timeoutMs: [10_000, 120_000] },
        steps: {
          extract: { system: "media" },
          transcribe: {
            system: "speech",
            after: ["extract"],
            policy: { timeoutMs: 25_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      media: { react: ({ draw }) => ({ ms: draw.lognormal(1_000, 3_000) }) },
      speech: {
        losesLate: true,
        react: ({ draw, minute }) => ({ ms: draw.lognormal(11_000, 17_000) * length(minute) }),
      },
    },
    wanted: {
      slo: { success: 0.9, withinMs: 300_000 },
      forbidden: ["eject_instance", "pause_starts", "limit_system", "quarantine_task"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["transcribe"] },
    },
  };
});
