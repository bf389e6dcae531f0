import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(1.3, 1.6);
  const growth = (minute: number) => 1 + (factor - 1) * minute / 120;
  return shop({
    about: "load and latency grow by half in two hours, and everything keeps up",
    minutes: 120,
    perMinute: (minute) => 60 * growth(minute),
    payments: {
      react: ({ draw, minute }) => ({ ms: draw.lognormal(400 * growth(minute), 1_200) }),
    },
    wanted: { slo: within(60), isControl: true },
  });
});
