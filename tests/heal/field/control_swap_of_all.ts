import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const factor = draw.between(1.05, 1.25);
  const swapAt = draw.between(18, 24);
  return {
    about: "all workers are replaced, then the workflow; the new ones are good and a little slower",
    minutes: 75,
    workflows: {
      "school/enrol": {
        perMinute: 55,
        version: (minute) => minute < 40 ? "2.3.0" : "2.4.0",
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          check: { system: "register", policy: { timeoutMs: 6_000 } },
          place: { system: "seats", after: ["check"], policy: { timeoutMs: 6_000 } },
        },
      },
    },
    systems: {
      register: { react: ({ draw }) => ({ ms: draw.lognormal(90, 300) }) },
      seats: {
        instances: {
          "blue-1": { untilMinute: swapAt + 1 },
          "blue-2": { untilMinute: swapAt + 3 },
          "green-1": { fromMinute: swapAt },
          "green-2": { fromMinute: swapAt + 2 },
        },
        react: ({ draw, instance }) => ({
          ms: draw.lognormal(300, 1_000) * (instance.startsWith("green") ? factor : 1),
        }),
      },
    },
    wanted: { slo: { success: 0.95, withinMs: 30_000 }, isControl: true },
  };
});
