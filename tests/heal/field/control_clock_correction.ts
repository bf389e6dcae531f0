import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const forthMs = draw.between(40_000, 90_000);
  const backMs = draw.between(20_000, 50_000);
  return {
    about: "the time of day is corrected twice, among the few errors that there always are",
    minutes: 70,
    workflows: {
      "meters/read": {
        perMinute: 40,
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 6] },
        steps: {
          poll: { system: "meters", policy: { timeoutMs: 8_000 } },
          save: { system: "series", after: ["poll"] },
        },
      },
    },
    systems: {
      meters: {
        instances: 2,
        react: ({ draw }) =>
          draw.chance(0.03)
            ? {
              ms: 200,
              failure: { class: "thrown", code: "http_504", message: "the meter did not answer" },
            }
            : { ms: draw.lognormal(400, 1_500) },
      },
      series: { react: ({ draw }) => ({ ms: draw.lognormal(20, 80) }) },
    },
    clockJumps: [{ minute: 20, ms: forthMs }, { minute: 45, ms: -backMs }],
    wanted: { slo: { success: 0.9, withinMs: 60_000 }, isControl: true },
  };
});
