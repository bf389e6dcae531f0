import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [share, slowMs] = [draw.between(0.2, 0.4), draw.between(2_600, 3_600)];
  return shop({
    about: "a part of the orders takes a path that lasts longer than the time-out, each time",
    charge: { timeoutMs: 2_000 },
    payments: {
      losesLate: true,
      react: ({ draw, minute, task }) => {
        const isSlow = isFaulty(minute) && (task.number * 0.618) % 1 < share;
        return { ms: isSlow ? draw.lognormal(slowMs, slowMs * 1.2) : draw.lognormal(300, 900) };
      },
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
