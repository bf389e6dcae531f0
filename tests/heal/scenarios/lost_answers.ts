import { scenario } from "tasker/simulation";
import { during, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.25, 0.4);
  return shop({
    about: "a part of the calls is never answered, and the time-out is a hundred times too long",
    charge: { timeoutMs: 30_000 },
    payments: { react: during((call) => call.draw.chance(share) ? undefined : healthy(call)) },
    wanted: { slo: within(25), diagnosis: { failureType: ["timeout"], steps: ["charge"] } },
  });
});
