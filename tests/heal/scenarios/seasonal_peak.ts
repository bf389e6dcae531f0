import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(6, 9);
  const season = (minute: number) => minute < 15 ? 0 : Math.sin((minute - 15) / 100 * Math.PI);
  return shop({
    about: "the evening peak makes payments slower than its time-out has ever had to allow",
    minutes: 115,
    perMinute: (minute) => 50 + 30 * season(minute),
    charge: { timeoutMs: 2_000 },
    payments: {
      losesLate: true,
      react: ({ draw, minute }) => ({
        ms: draw.lognormal(350, 900) * (1 + (factor - 1) * Math.min(1, 2 * season(minute))),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
