import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const jumpMs = draw.between(30_000, 90_000);
  const isSkewed = (minute: number) => minute >= 15 && minute < 60;
  return {
    about: "a correction of the time misses one of four hosts, whose requests count as too old",
    minutes: 72,
    workflows: {
      "devices/command": {
        perMinute: 50,
        heal: { tier: "T0" },
        steps: {
          authorize: { system: "rights" },
          send: { system: "gateway", after: ["authorize"], policy: { timeoutMs: 6_000 } },
        },
      },
    },
    systems: {
      rights: { react: ({ draw }) => ({ ms: draw.lognormal(25, 90) }) },
      gateway: {
        instances: { "host-11": {}, "host-12": {}, "host-13": {}, "host-14": {} },
        react: ({ draw, minute, instance }) =>
          instance === "host-13" && isSkewed(minute)
            ? {
              ms: draw.lognormal(40, 120),
              failure: {
                code: "request_time_too_skewed",
                message:
                  "the difference between the request time and the current time is too large",
              },
            }
            : { ms: draw.lognormal(130, 500) },
      },
    },
    clockJumps: [{ minute: 15, ms: jumpMs }],
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // Refusals come at once, and three hosts can do all the work: nothing has to wait.
      forbidden: ["set_timeout", "pause_starts", "quarantine_task", "hold_system", "open_circuit"],
      diagnosis: { failureType: ["clock", "worker_local", "auth"], steps: ["send"] },
    },
  };
});
