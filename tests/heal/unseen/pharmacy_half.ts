import { scenario } from "tasker/simulation";

/** Half of a robot's arms fail: refills can wait for the evening, urgent prescriptions cannot. */
export default scenario((draw) => {
  const began = draw.whole(15, 20);
  const urgent = draw.between(0.3, 0.36);
  return {
    about: "a dispensing robot loses half of its arms; two thirds of the orders could wait",
    minutes: 100,
    workflows: {
      "pharmacy/order": {
        perMinute: 40,
        task: ({ draw }) => draw.chance(urgent) ? { priority: 1 } : { priority: 5 },
        steps: {
          check: { system: "interactions" },
          pick: {
            system: "robot",
            after: ["check"],
            policy: { timeoutMs: 90_000, retry: { attemptsMax: 4 } },
          },
        },
      },
    },
    systems: {
      interactions: { react: ({ draw }) => ({ ms: draw.lognormal(200, 800) }) },
      robot: {
        capacity: { workers: (minute) => minute < began ? 10 : 5 },
        react: ({ draw }) => ({ ms: draw.lognormal(10_000, 17_000) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000, of: ({ priority }) => priority === 1 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["overload"], steps: ["pick"] },
    },
  };
});
