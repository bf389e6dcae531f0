import { scenario } from "tasker/simulation";

// A new version of the workflow leaves out a field; it is rolled back by people.
export default scenario((draw) => {
  const start = draw.whole(15, 20), end = start + draw.whole(25, 40);
  const share = draw.between(0.5, 0.9);
  return {
    about:
      "a new version of a workflow sends what the next system refuses, until it is rolled back",
    minutes: 75,
    workflows: {
      "hr/onboard": {
        perMinute: draw.whole(20, 60),
        version: (minute) => minute >= start && minute < end ? "2.4.0" : "2.3.7",
        heal: { tier: "T1" },
        task: ({ draw }) => ({
          tags: [draw.share({ "country:de": 3, "country:us": 2, "country:jp": 1 })],
        }),
        steps: {
          account: { system: "directory" },
          payroll: {
            system: "payroll",
            after: ["account"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      directory: { react: ({ draw }) => ({ ms: draw.lognormal(100, 400) }) },
      payroll: {
        instances: 2,
        react: ({ draw, task }) =>
          task.version === "2.4.0" && draw.chance(share)
            ? {
              ms: 60,
              failure: {
                code: "invalid_request",
                message: "422 Unprocessable Entity: costCentre must not be null",
                retryable: false,
              },
            }
            : { ms: draw.lognormal(300, 900) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      forbidden: ["set_timeout", "set_retry", "eject_instance"],
      diagnosis: { failureType: ["deploy_regression", "validation"], steps: ["payroll"] },
    },
  };
});
