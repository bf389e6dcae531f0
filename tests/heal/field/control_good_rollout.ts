import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const start = draw.whole(18, 24), workers = draw.whole(4, 8);
  const all = Array.from({ length: workers }, (_, index) =>
    [
      [`v7-${index + 1}`, { untilMinute: start + index * 2 + 1 }],
      [`v8-${index + 1}`, { fromMinute: start + index * 2 }],
    ] as const).flat();
  return {
    about:
      "workers and the workflow are replaced one after the other by a good version that is a little slower",
    minutes: 90,
    workflows: {
      "loan/decide": {
        perMinute: draw.whole(40, 110),
        version: (minute) => minute >= start + 20 ? "8.0.0" : "7.3.1",
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 6] },
        steps: {
          decide: { system: "model", policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } } },
          file: { system: "files", after: ["decide"] },
        },
      },
    },
    systems: {
      model: {
        instances: Object.fromEntries(all),
        react: ({ draw, instance }) => ({
          ms: draw.lognormal(320, 1_000) * (instance.startsWith("v8") ? 1.15 : 1),
        }),
      },
      files: {
        react: ({ draw }) =>
          draw.chance(0.002)
            ? {
              ms: 20,
              failure: { class: "thrown", code: "http_500", message: "500 Internal Server Error" },
            }
            : { ms: draw.lognormal(50, 180) },
      },
    },
    wanted: { slo: { success: 0.95, withinMs: 45_000 }, isControl: true },
  };
});
