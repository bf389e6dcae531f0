import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [sick, factor] = [`payments-${draw.whole(1, 4)}`, draw.between(15, 30)];
  return shop({
    about: "one of four workers is many times slower than the others",
    charge: { timeoutMs: 8_000 },
    payments: {
      losesLate: true,
      instances: 4,
      react: ({ draw, instance, minute }) => ({
        ms: draw.lognormal(250, 600) * (isFaulty(minute) && instance === sick ? factor : 1),
      }),
    },
    wanted: {
      slo: within(4),
      forbidden: ["set_timeout"],
      diagnosis: {
        failureType: ["worker_local", "latency_shift", "partial_endpoint"],
        steps: ["charge"],
      },
    },
  });
});
