import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) =>
  shop({
    about: "busy, and all is well: payments works at four fifths of what it can do",
    perMinute: 120,
    payments: {
      capacity: { workers: Math.round(draw.between(4, 5)) },
      react: ({ draw }) => ({ ms: draw.lognormal(1_500, 2_200) }),
    },
    wanted: { slo: within(60), isControl: true },
  })
);
