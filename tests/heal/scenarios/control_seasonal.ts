import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const amplitude = draw.between(0.3, 0.5);
  const wave = (minute: number) => 1 + amplitude * Math.sin(minute / 20);
  return shop({
    about: "load and latency rise and fall together, within what the time-outs allow",
    minutes: 120,
    perMinute: (minute) => 60 * wave(minute),
    payments: { react: ({ draw, minute }) => ({ ms: draw.lognormal(300 * wave(minute), 900) }) },
    wanted: { slo: within(60), isControl: true },
  });
});
