import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.85, 0.97);
  const failure = {
    class: "thrown",
    code: "ECONNREFUSED",
    message: "connect ECONNREFUSED 10.0.3.17:8443",
  } as const;
  return shop({
    about: "payments refuses connections, and another provider offers the same",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    systems: { payments_b: { react: healthy, offers: ["payments.charge"] } },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["dependency_down", "flapping"], steps: ["charge"] },
    },
  });
});
