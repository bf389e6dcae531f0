import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const perMinute = draw.between(50, 70);
  return shop({
    about: "a report of low priority fills the queue of the system that charges orders",
    task: () => ({ priority: 1 }),
    charge: { timeoutMs: 6_000 },
    payments: {
      capacity: { workers: 4 },
      react: ({ draw, step }) => ({ ms: step === "scan" ? 5_000 : draw.lognormal(800, 1_500) }),
    },
    workflows: {
      "shop/report": {
        perMinute: (minute) => isFaulty(minute) ? perMinute : 2,
        heal: { tier: "T1" },
        task: () => ({ priority: 5 }),
        steps: { scan: { system: "payments", policy: { timeoutMs: 30_000 } } },
      },
    },
    wanted: {
      slo: within(30, ({ workflow }) => workflow === "shop/order"),
      diagnosis: { failureType: ["overload"], steps: ["charge", "scan"] },
    },
  });
});
