import { scenario } from "tasker/simulation";

/** The last day of a month brings more than a step's own limit lets through; the system has room. */
export default scenario((draw) => {
  const began = draw.whole(15, 25);
  const peak = draw.between(95, 110);
  return {
    about: "at the end of a month a step's limit of four attempts is too low, with room behind it",
    minutes: 100,
    workflows: {
      "payroll/slip": {
        perMinute: (minute) => minute >= began && minute < began + 60 ? peak : 40,
        steps: {
          tax: {
            system: "taxes",
            policy: { timeoutMs: 15_000, concurrencyMax: 4, queueTimeoutMs: 60_000 },
          },
          print: { system: "printing", after: ["tax"] },
        },
      },
    },
    systems: {
      taxes: {
        capacity: { workers: 40 },
        react: ({ draw }) => ({ ms: draw.lognormal(3_000, 6_000) }),
      },
      printing: { react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "switch_system", "eject_instance", "limit_system"],
      diagnosis: { failureType: ["overload", "config"], steps: ["tax"] },
    },
  };
});
