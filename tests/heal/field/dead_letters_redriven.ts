import { scenario } from "tasker/simulation";

/**
 * Somebody sends a night's dead letters again, all at once and into the workflow that they came from.
 * Each holds a worker for long, only to fail for the old reason.
 */
export default scenario((draw) => {
  const redriven = draw.between(140, 180);
  const untilMinute = draw.whole(52, 60);
  const isRedriven = (minute: number) => minute >= 13 && minute < untilMinute;
  return {
    about: "dead letters are sent again and take all workers of the tax service",
    minutes: 85,
    workflows: {
      "billing/invoice": {
        perMinute: (minute) => 40 + (isRedriven(minute) ? redriven : 0),
        task: ({ draw, minute }) =>
          isRedriven(minute) && draw.chance(redriven / (40 + redriven))
            ? { priority: 5, tags: ["source:dead-letter"], input: { taxId: "" } }
            : { priority: 2, tags: ["source:order"], input: { taxId: "DE-7" } },
        steps: {
          lines: { system: "orders" },
          tax: {
            system: "tax",
            after: ["lines"],
            policy: { timeoutMs: 15_000, onExhausted: "fail" },
          },
          send: { system: "mailer", after: ["tax"] },
        },
        heal: { tier: "T0" },
      },
    },
    systems: {
      orders: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      tax: {
        instances: 2,
        capacity: { workers: 9 },
        react: ({ draw, task }) => {
          if (!task.tags.includes("source:dead-letter")) return { ms: draw.lognormal(700, 1_800) };
          const failure = { code: "tax_id_missing", message: "Tax id is missing" };
          return { ms: draw.between(8_000, 13_000), failure };
        },
      },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(80, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: ({ priority }) => priority <= 2 },
      // More time or more tries is more work for workers that are all taken; none of them is at fault.
      forbidden: ["set_timeout", "eject_instance", "hold_system"],
      diagnosis: {
        failureType: ["overload", "validation", "data_quality", "poison"],
        steps: ["tax"],
      },
    },
  };
});
