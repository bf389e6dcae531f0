import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const at = draw.between(25, 40), long = draw.between(8, 15) / 60;
  return {
    about: "a system restarts for some seconds once; the retries that are there take care of it",
    minutes: 75,
    workflows: {
      "geo/route": {
        perMinute: draw.whole(40, 120),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 8] },
        steps: {
          route: {
            system: "router",
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 6, delayMsMin: 2_000 } },
          },
          draw: { system: "tiles", after: ["route"] },
        },
      },
    },
    systems: {
      router: {
        instances: 3,
        react: ({ draw, minute }) =>
          minute >= at && minute < at + long
            ? {
              ms: 4,
              failure: { class: "thrown", code: "ECONNRESET", message: "read ECONNRESET" },
            }
            : { ms: draw.lognormal(130, 500) },
      },
      tiles: { react: ({ draw }) => ({ ms: draw.lognormal(60, 200) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 120_000 }, isControl: true },
  };
});
