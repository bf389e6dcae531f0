import { scenario } from "tasker/simulation";

/** A new build of a geocoder is rolled out to one worker of five, without its map data. */
export default scenario((draw) => {
  const began = draw.whole(15, 22);
  const bad = draw.between(0.9, 1);
  return {
    about: "one worker of five gets a build of the geocoder that has no map data",
    minutes: 80,
    workflows: {
      "taxi/ride": {
        perMinute: 70,
        steps: {
          locate: {
            system: "geocoder",
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 1 } },
          },
          match: { system: "matching", after: ["locate"] },
        },
      },
    },
    systems: {
      geocoder: {
        instances: {
          a1: {},
          a2: {},
          a3: {},
          a4: {},
          a5: { untilMinute: began },
          b5: { fromMinute: began },
        },
        react: ({ draw, instance }) =>
          instance === "b5" && draw.chance(bad)
            ? {
              ms: 30,
              failure: { class: "thrown", code: "ENOENT", message: "no such file: tiles.db" },
            }
            : { ms: draw.lognormal(180, 700) },
      },
      matching: { react: ({ draw }) => ({ ms: draw.lognormal(400, 1_500) }) },
    },
    wanted: {
      slo: { success: 0.96, withinMs: 30_000 },
      forbidden: ["set_timeout", "pause_starts", "limit_system", "hold_system", "quarantine_task"],
      diagnosis: { failureType: ["worker_local", "deploy_regression"], steps: ["locate"] },
    },
  };
});
