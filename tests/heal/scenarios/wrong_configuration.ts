import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.9, 1);
  const failure = {
    class: "failed",
    code: "unknown_region",
    message: "Configuration error: unknown region 'eu-cental-1'",
    retryable: false,
  } as const;
  return shop({
    about: "payments was given a wrong region, until a person corrects it",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: { slo: within(3_900), diagnosis: { failureType: ["config"], steps: ["charge"] } },
  });
});
