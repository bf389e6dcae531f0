import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(2.5, 3.5);
  return shop({
    about: "a campaign brings several times the orders that payments can take",
    perMinute: (minute) => 50 * (isFaulty(minute) ? factor : 1),
    task: ({ draw }) => ({ priority: draw.share({ 1: 2, 4: 3 }) === "1" ? 1 : 4 }),
    charge: { timeoutMs: 4_000 },
    payments: {
      capacity: { workers: 3 },
      react: ({ draw }) => ({ ms: draw.lognormal(1_800, 2_600) }),
    },
    systems: { parcels: { react: healthy } },
    wanted: {
      slo: within(60, ({ priority }) => priority === 1),
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["overload"], steps: ["charge"] },
    },
  });
});
