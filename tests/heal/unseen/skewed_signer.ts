import { scenario } from "tasker/simulation";

/** The clock of one machine is wrong after it was moved; what it signs is refused as too old. */
export default scenario((draw) => {
  const moved = draw.whole(10, 18);
  return {
    about: "one of four machines has a clock that is wrong, and what it signs is refused",
    minutes: 65,
    workflows: {
      "archive/deposit": {
        perMinute: 36,
        steps: {
          scan: { system: "scanner" },
          store: {
            system: "vault",
            after: ["scan"],
            policy: { timeoutMs: 20_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      scanner: { react: ({ draw }) => ({ ms: draw.lognormal(900, 2_500) }) },
      vault: {
        instances: { v1: {}, v2: {}, v3: {}, v4: {} },
        react: ({ draw, minute, instance }) =>
          minute >= moved && instance === "v3"
            ? {
              ms: 90,
              failure: {
                code: "RequestTimeTooSkewed",
                message:
                  "the difference between the request time and the server's time is too large",
              },
            }
            : { ms: draw.lognormal(700, 2_400) },
      },
    },
    wanted: {
      slo: { success: 0.96, withinMs: 60_000 },
      forbidden: ["set_timeout", "pause_starts", "limit_system", "hold_system", "quarantine_task"],
      diagnosis: { failureType: ["worker_local", "clock"], steps: ["store"] },
    },
  };
});
