import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const slowMs = draw.between(2_500, 3_500);
  return shop({
    about: "a tenant's orders have grown: each takes longer than the time-out allows",
    charge: { timeoutMs: 2_000 },
    task: ({ draw }) => ({
      tags: [draw.share({ "tenant:acme": 1, "tenant:bolt": 2, "tenant:crux": 2 })],
    }),
    payments: {
      losesLate: true,
      react: ({ draw, minute, task }) => ({
        ms: isFaulty(minute) && task.tags.includes("tenant:acme")
          ? draw.lognormal(slowMs, slowMs * 1.3)
          : draw.lognormal(300, 900),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
