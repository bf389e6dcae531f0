import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(6, 9);
  return shop({
    about: "payments become slower, a little each minute, until the time-out cuts most of them",
    minutes: 110,
    charge: { timeoutMs: 2_000 },
    payments: {
      losesLate: true,
      react: ({ draw, minute }) => ({
        ms: draw.lognormal(350, 800) *
          (1 + (factor - 1) * Math.max(0, Math.min(1, (minute - 15) / 40))),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
