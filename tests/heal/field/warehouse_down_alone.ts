import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const backAt = draw.between(44, 52);
  const isDown = (minute: number) => minute >= 12 && minute < backAt;
  return {
    about: "the warehouse counts its stock for half an hour and refuses all orders; those may wait",
    minutes: 70,
    workflows: {
      "orders/reserve": {
        perMinute: 20,
        heal: { tier: "T0" },
        steps: {
          validate: { system: "catalogue" },
          reserve: {
            system: "warehouse",
            after: ["validate"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      catalogue: { react: ({ draw }) => ({ ms: draw.lognormal(30, 100) }) },
      warehouse: {
        instances: 2,
        capacity: { workers: 8 },
        react: ({ draw, minute }) =>
          isDown(minute)
            ? {
              ms: draw.lognormal(150, 500),
              failure: {
                code: "stocktaking",
                message: "503 Service Unavailable: stocktaking, come again later",
                retryable: true,
              },
            }
            : { ms: draw.lognormal(250, 900) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 4_500_000 },
      // All that helps is to wait: there is no other stock, and no worker or order is at fault.
      forbidden: ["set_timeout", "switch_system", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["dependency_down"], steps: ["reserve"] },
    },
  };
});
