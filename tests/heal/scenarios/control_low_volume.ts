import { scenario } from "tasker/simulation";
import { shop } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.05, 0.15);
  const failure = { class: "thrown", code: "http_503", message: "503 try again" } as const;
  return shop({
    about: "an order every other minute, of which some need a second attempt",
    minutes: 240,
    perMinute: 0.5,
    payments: {
      react: ({ draw }) =>
        draw.chance(share) ? { ms: 90, failure } : { ms: draw.lognormal(300, 2_000) },
    },
    wanted: { slo: { success: 0.5, withinMs: 60_000 }, isControl: true },
  });
});
