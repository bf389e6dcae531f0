import { scenario } from "tasker/simulation";

// A heavy tail that was always there: most answers within a second or two, some after half a minute.
export default scenario((draw) => {
  const p99 = draw.between(25_000, 40_000);
  return {
    about: "a simulation of beams has a heavy tail, as on each day",
    minutes: 80,
    workflows: {
      "bridge/check": {
        perMinute: draw.whole(20, 45),
        heal: { tier: "T1", timeoutMs: [10_000, 240_000], attemptsMax: [1, 3] },
        steps: {
          mesh: { system: "mesher" },
          solve: {
            system: "solver",
            after: ["mesh"],
            policy: { timeoutMs: 200_000, retry: { attemptsMax: 2 } },
          },
          draw: { system: "plotter", after: ["solve"] },
        },
      },
    },
    systems: {
      mesher: { react: ({ draw }) => ({ ms: draw.lognormal(300, 1_500) }) },
      solver: { instances: 3, react: ({ draw }) => ({ ms: draw.lognormal(1_800, p99) }) },
      plotter: { react: ({ draw }) => ({ ms: draw.lognormal(150, 600) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 300_000 }, isControl: true },
  };
});
