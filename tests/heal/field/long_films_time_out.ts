import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.25, 0.35);
  const filmMs = draw.between(45_000, 60_000);
  const hasFilms = (minute: number) => minute >= 12 && minute < 72;
  return {
    about: "a studio publishes whole films as well; they take six times the time-out to encode",
    minutes: 84,
    workflows: {
      "studio/publish": {
        perMinute: 15,
        task: ({ draw, minute }) => ({
          tags: [hasFilms(minute) && draw.chance(share) ? "kind:film" : "kind:clip"],
        }),
        heal: { tier: "T1", timeoutMs: [5_000, 180_000], attemptsMax: [1, 3] },
        steps: {
          ingest: { system: "uploads" },
          encode: {
            system: "encoder",
            after: ["ingest"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 2 } },
          },
          publish: { system: "uploads", after: ["encode"] },
        },
      },
    },
    systems: {
      uploads: { react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }) },
      encoder: {
        instances: 2,
        losesLate: true,
        react: ({ draw, task }) => ({
          ms: task.tags.includes("kind:film")
            ? draw.lognormal(filmMs, filmMs * 1.4)
            : draw.lognormal(2_500, 6_000),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 360_000 },
      // Films are paid work like any other, and no encoder is slower than it should be.
      forbidden: ["pause_starts", "quarantine_task", "eject_instance"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["encode"] },
    },
  };
});
