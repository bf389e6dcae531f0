import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.4, 0.55);
  const failure = {
    class: "contract_violation",
    code: "contract_violation",
    message: "The reply breaks the success contract: status expected one of paid, declined",
    retryable: false,
  } as const;
  return shop({
    about: "payments has changed half of its answers, and nobody else offers the same",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: {
      slo: within(3_900),
      diagnosis: { failureType: ["contract_drift"], steps: ["charge"] },
    },
  });
});
