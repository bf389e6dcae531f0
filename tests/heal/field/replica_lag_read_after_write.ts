import { scenario } from "tasker/simulation";

// A replica lags behind: what has just been written is not found for some seconds.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(40, 55);
  const lagS = draw.between(6, 12);
  return {
    about: "reads go to a replica that lags by some seconds, so what was just written is not found",
    minutes: 85,
    workflows: {
      "wiki/publish": {
        perMinute: draw.whole(40, 140),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 8] },
        steps: {
          write: { system: "primary" },
          read: {
            system: "replica",
            after: ["write"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 3, delayMsMin: 200 } },
          },
          purge: { system: "cdn", after: ["read"] },
        },
      },
    },
    systems: {
      primary: { react: ({ draw }) => ({ ms: draw.lognormal(40, 160) }) },
      replica: {
        instances: 2,
        react: ({ draw, minute, task }) => {
          const ageS = (minute - task.minute) * 60;
          return minute >= start && minute < end &&
              ageS < lagS * (0.7 + 0.6 * (task.number % 10) / 10)
            ? {
              ms: draw.lognormal(15, 50),
              failure: {
                code: "row_not_found",
                message: `404 page not found on replica db-r2 (replication lag ${
                  Math.round(lagS)
                } s)`,
                retryable: true,
              },
            }
            : { ms: draw.lognormal(25, 90) };
        },
      },
      cdn: { react: ({ draw }) => ({ ms: draw.lognormal(150, 500) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["storage", "resource", "data_quality"], steps: ["read"] },
    },
  };
});
