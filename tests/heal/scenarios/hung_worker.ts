import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const sick = `payments-${draw.whole(1, 4)}`;
  return shop({
    about: "one of four workers takes attempts and never answers",
    charge: { timeoutMs: 10_000 },
    payments: {
      instances: 4,
      react: (call) => isFaulty(call.minute) && call.instance === sick ? undefined : healthy(call),
    },
    wanted: {
      slo: within(9),
      diagnosis: {
        failureType: ["timeout", "worker_local", "partial_endpoint"],
        steps: ["charge"],
      },
    },
  });
});
