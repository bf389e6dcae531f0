import { scenario } from "tasker/simulation";

/** A new index makes rows of seats lock each other: many holds are rolled back, at random. */
export default scenario((draw) => {
  const began = draw.whole(10, 13);
  const share = draw.between(0.4, 0.45);
  return {
    about: "holds of seats are rolled back by deadlocks, and two attempts are not enough",
    minutes: 60,
    workflows: {
      "tickets/purchase": {
        perMinute: 60,
        heal: { tier: "T1", attemptsMax: [1, 10] },
        steps: {
          hold: { system: "seats", policy: { timeoutMs: 5_000, retry: { attemptsMax: 2 } } },
          pay: { system: "payments", after: ["hold"] },
        },
      },
    },
    systems: {
      seats: {
        react: ({ draw, minute }) =>
          minute >= began && draw.chance(share)
            ? { ms: 150, failure: { class: "thrown", code: "40P01", message: "deadlock detected" } }
            : { ms: draw.lognormal(120, 500) },
      },
      payments: { react: ({ draw }) => ({ ms: draw.lognormal(500, 1_500) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["storage", "novel"], steps: ["hold"] },
    },
  };
});
