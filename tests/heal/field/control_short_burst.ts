import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const at = draw.between(25, 35), long = draw.between(1, 2), times = draw.between(2.2, 3);
  const perMinute = draw.whole(40, 60);
  return {
    about:
      "a push message brings three times as many tasks for a minute or two; a short queue takes them",
    minutes: 75,
    workflows: {
      "app/open": {
        perMinute: (minute) => perMinute * (minute >= at && minute < at + long ? times : 1),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 6] },
        steps: {
          greet: { system: "profile", policy: { timeoutMs: 15_000, retry: { attemptsMax: 2 } } },
          log: { system: "log", after: ["greet"] },
        },
      },
    },
    systems: {
      profile: {
        instances: 3,
        capacity: { workers: 2 },
        react: ({ draw }) => ({ ms: draw.lognormal(1_700, 3_600) }),
      },
      log: { react: ({ draw }) => ({ ms: draw.lognormal(8, 20) }) },
    },
    wanted: { slo: { success: 0.9, withinMs: 90_000 }, isControl: true },
  };
});
