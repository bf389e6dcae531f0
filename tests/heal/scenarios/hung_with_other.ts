import { scenario } from "tasker/simulation";
import { during, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.9, 1);
  return shop({
    about: "payments does not answer any more, and another provider offers the same",
    payments: { react: during((call) => call.draw.chance(share) ? undefined : healthy(call)) },
    systems: { payments_b: { react: healthy, offers: ["payments.charge"] } },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["dependency_down", "timeout"], steps: ["charge"] },
    },
  });
});
