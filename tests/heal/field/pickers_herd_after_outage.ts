import { scenario } from "tasker/simulation";

// A herd: the robots of a warehouse stand still for some minutes; then all comes at once, answers are
// late, and each is asked for again while the robots still work at the request given up.
export default scenario((draw) => {
  const start = draw.whole(14, 18), end = start + draw.whole(7, 9);
  const perMinute = draw.whole(100, 130), ms = 3_000;
  const workers = Math.ceil((perMinute / 60) * (ms / 1_000) / draw.between(0.86, 0.9));
  return {
    about: "after a short outage the robots of a warehouse drown in work that was given up",
    minutes: 70,
    workflows: {
      "warehouse/pick": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [2_000, 60_000], attemptsMax: [1, 8] },
        steps: {
          slot: { system: "slots" },
          pick: {
            system: "robots",
            after: ["slot"],
            policy: {
              timeoutMs: 30_000,
              retry: { attemptsMax: 8, delayMsMin: 200, delayMsMax: 1_500 },
            },
          },
        },
      },
    },
    systems: {
      slots: { react: ({ draw }) => ({ ms: draw.lognormal(60, 250) }) },
      robots: {
        capacity: { workers, dropsAbandoned: false },
        losesLate: true,
        react: ({ draw, minute }) =>
          minute >= start && minute < end
            ? {
              ms: draw.between(15_000, 20_000),
              failure: { class: "thrown", code: "http_503", message: "robots are halted" },
            }
            : { ms: draw.lognormal(ms * 0.9, ms * 2) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      // no order is at fault; set aside, it would not be picked today
      forbidden: ["quarantine_task"],
      diagnosis: {
        failureType: ["overload", "timeout", "dependency_down"],
        steps: ["pick"],
      },
    },
  };
});
