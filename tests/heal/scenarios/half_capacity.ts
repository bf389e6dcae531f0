import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(0.4, 0.5);
  return shop({
    about: "payments loses more than half of its workers",
    perMinute: 60,
    task: ({ draw }) => ({ priority: draw.share({ 1: 2, 4: 3 }) === "1" ? 1 : 4 }),
    charge: { timeoutMs: 4_000 },
    payments: {
      capacity: { workers: (minute) => Math.round(4 * (isFaulty(minute) ? factor : 1)) },
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
