import { scenario } from "tasker/simulation";

// Marketing uploads videos where there were pictures; the time-out was written for pictures.
export default scenario((draw) => {
  const start = draw.between(14, 20), end = start + draw.between(45, 60);
  const share = draw.between(0.2, 0.35), p50 = draw.between(5_500, 7_500);
  return {
    about: "a new kind of input takes longer than the time-out that was written for the old kind",
    minutes: 90,
    workflows: {
      "assets/convert": {
        perMinute: draw.whole(25, 70),
        heal: { tier: "T1", timeoutMs: [1_000, 40_000], attemptsMax: [1, 4] },
        task: ({ draw, minute }) => {
          const kind = minute >= start && minute < end && draw.chance(share) ? "video" : "picture";
          return { input: { kind }, tags: [`kind:${kind}`] };
        },
        steps: {
          convert: { system: "converter", policy: { timeoutMs: 4_000, retry: { attemptsMax: 3 } } },
          publish: { system: "cdn", after: ["convert"] },
        },
      },
    },
    systems: {
      converter: {
        instances: draw.whole(4, 12),
        losesLate: true,
        react: ({ draw, task }) => ({
          ms: task.input.kind === "video"
            ? draw.lognormal(p50, p50 * 1.7)
            : draw.lognormal(600, 2_000),
        }),
      },
      cdn: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 75_000 },
      forbidden: ["set_retry", "eject_instance"],
      diagnosis: { failureType: ["timeout", "config"], steps: ["convert"] },
    },
  };
});
