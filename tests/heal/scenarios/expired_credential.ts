import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.95, 1);
  const failure = {
    class: "failed",
    code: "http_401",
    message: "401 Unauthorized: the API key has expired",
    retryable: false,
  } as const;
  return shop({
    about: "the key for payments has expired, until a person renews it",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: { slo: within(3_900), diagnosis: { failureType: ["auth"], steps: ["charge"] } },
  });
});
