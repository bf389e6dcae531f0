import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const failure = {
    class: "contract_violation",
    code: "contract_violation",
    message: 'The reply breaks the success contract: "currency" expected string, received null',
  } as const;
  const share = draw.between(0.8, 1);
  return shop({
    about: "payments has changed its answers without a word; another provider has not",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    systems: { payments_b: { react: healthy, offers: ["payments.charge"] } },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["contract_drift"], steps: ["charge"] },
    },
  });
});
