import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(5, 8);
  return shop({
    about: "payments take several times as long, and nearly all attempts run into the time-out",
    charge: { timeoutMs: 2_000 },
    payments: {
      losesLate: true,
      react: ({ draw, minute }) => ({
        ms: draw.lognormal(400, 900) * (isFaulty(minute) ? factor : 1),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
