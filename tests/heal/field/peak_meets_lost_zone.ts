import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const peak = draw.between(85, 95);
  const lostAt = draw.between(22, 26);
  return {
    about: "at the peak of the evening one of two zones is lost, and half of the capacity with it",
    minutes: 90,
    workflows: {
      "food/order": {
        perMinute: (minute) => 50 + peak * Math.exp(-(((minute - 45) / 18) ** 2)),
        task: ({ draw }) => ({ priority: Number(draw.share({ 1: 15, 3: 40, 5: 45 })) }),
        heal: { tier: "T0" },
        steps: {
          price: { system: "menu" },
          route: {
            system: "kitchens",
            after: ["price"],
            policy: { timeoutMs: 20_000, retry: { attemptsMax: 4 } },
          },
          confirm: { system: "push", after: ["route"] },
        },
      },
    },
    systems: {
      menu: { react: ({ draw }) => ({ ms: draw.lognormal(35, 120) }) },
      kitchens: {
        instances: {
          "east-1": {},
          "east-2": {},
          "west-1": { untilMinute: lostAt },
          "west-2": { untilMinute: lostAt },
          "west-3": { fromMinute: lostAt + 45 },
          "west-4": { fromMinute: lostAt + 45 },
        },
        capacity: { workers: 3 },
        losesLate: true,
        react: ({ draw }) => ({ ms: draw.lognormal(3_300, 7_000) }),
      },
      push: { react: ({ draw }) => ({ ms: draw.lognormal(70, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000, of: ({ priority }) => priority <= 3 },
      // Half of the workers has to do all the work: with one less it gets worse.
      forbidden: ["eject_instance", "quarantine_task", "switch_system"],
      diagnosis: { failureType: ["overload", "resource", "timeout"], steps: ["route"] },
    },
  };
});
