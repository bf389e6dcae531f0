import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const tail = draw.between(0.02, 0.04), scale = draw.between(1_500, 2_500);
  return {
    about:
      "a few answers take very long (a Pareto tail), as they always have; retries take care of it",
    minutes: 90,
    workflows: {
      "llm/summarise": {
        perMinute: draw.whole(30, 100),
        heal: { tier: "T1", timeoutMs: [1_000, 60_000], attemptsMax: [1, 6] },
        steps: {
          summarise: { system: "model", policy: { timeoutMs: 30_000, retry: { attemptsMax: 4 } } },
          store: { system: "notes", after: ["summarise"] },
        },
      },
    },
    systems: {
      model: {
        instances: draw.whole(2, 5),
        react: ({ draw }) => ({
          ms: draw.chance(tail)
            ? scale / (1 - draw.uniform()) ** (1 / 1.3)
            : draw.lognormal(1_200, 4_500),
        }),
      },
      notes: { react: ({ draw }) => ({ ms: draw.lognormal(20, 70) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 120_000 }, isControl: true },
  };
});
