import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.5, 0.65);
  const failure = { class: "thrown", code: "http_502", message: "502 Bad Gateway" } as const;
  return shop({
    about: "more than half of the calls to payments break, at random",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: {
      slo: within(300),
      diagnosis: { failureType: ["dependency_down", "flapping"], steps: ["charge"] },
    },
  });
});
