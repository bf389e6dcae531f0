import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(5, 7);
  const instances = {
    "v1-a": { untilMinute: 15 },
    "v1-b": { untilMinute: 16 },
    "v2-a": { fromMinute: 15 },
    "v2-b": { fromMinute: 16 },
  };
  return shop({
    about: "a new version of payments, on all its workers, is several times slower",
    charge: { timeoutMs: 2_000 },
    payments: {
      losesLate: true,
      instances,
      react: ({ draw, instance }) => ({
        ms: draw.lognormal(400, 1_000) * (instance.startsWith("v2") ? factor : 1),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: {
        failureType: ["deploy_regression", "latency_shift", "timeout"],
        steps: ["charge"],
      },
    },
  });
});
