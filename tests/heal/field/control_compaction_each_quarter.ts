import { scenario } from "tasker/simulation";

/** A store compacts every quarter of an hour and is slower for two minutes; few tasks, all in time. */
export default scenario((draw) => {
  const factor = draw.between(2, 2.8);
  const phase = draw.between(2, 9);
  return {
    about: "a store is slower for two minutes of each quarter of an hour, as always",
    minutes: 120,
    workflows: {
      "archive/keep": {
        perMinute: 5,
        steps: {
          pack: { system: "packer" },
          put: { system: "archive", after: ["pack"], policy: { timeoutMs: 60_000 } },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 120_000], attemptsMax: [1, 5] },
      },
    },
    systems: {
      packer: { react: ({ draw }) => ({ ms: draw.lognormal(800, 3_000) }) },
      archive: {
        instances: 2,
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(2_000, 6_000) * ((minute + phase) % 15 < 2 ? factor : 1),
        }),
      },
    },
    wanted: { slo: { success: 0.9, withinMs: 60_000 }, isControl: true },
  };
});
