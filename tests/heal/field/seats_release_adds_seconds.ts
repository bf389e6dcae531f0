import { scenario } from "tasker/simulation";

// Shifted latency: the team of the seat map deploys; each answer now takes seconds more, none fails.
export default scenario((draw) => {
  const start = draw.whole(14, 18), end = start + draw.whole(42, 55);
  const added = draw.between(1_900, 2_900);
  return {
    about: "a deploy of the seat map adds two or three seconds to every answer",
    minutes: 80,
    workflows: {
      "theatre/booking": {
        perMinute: draw.whole(40, 75),
        heal: { tier: "T0", timeoutMs: [1_000, 20_000], attemptsMax: [1, 4] },
        steps: {
          seat: { system: "seat_map", policy: { timeoutMs: 2_000, retry: { attemptsMax: 3 } } },
          ticket: { system: "ticket_printer", after: ["seat"] },
          letter: { system: "post_office", after: ["seat"] },
        },
      },
    },
    systems: {
      seat_map: {
        capacity: { workers: 12 },
        losesLate: true,
        instances: {
          "r118-a": { untilMinute: start },
          "r118-b": { untilMinute: start },
          "r119-a": { fromMinute: start, untilMinute: end },
          "r119-b": { fromMinute: start, untilMinute: end },
          "r120-a": { fromMinute: end },
          "r120-b": { fromMinute: end },
        },
        react: ({ draw, instance }) => ({
          ms: draw.lognormal(300, 900) + (instance.startsWith("r119") ? added : 0),
        }),
      },
      ticket_printer: { react: ({ draw }) => ({ ms: draw.lognormal(90, 350) }) },
      post_office: { react: ({ draw }) => ({ ms: draw.lognormal(150, 800) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // there is no older instance to go back to, and no task is at fault
      forbidden: ["eject_instance", "quarantine_task"],
      diagnosis: {
        failureType: ["timeout", "deploy_regression", "latency_shift"],
        steps: ["seat"],
      },
    },
  };
});
