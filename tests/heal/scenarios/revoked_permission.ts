import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.95, 1);
  const failure = {
    class: "failed",
    code: "http_403",
    message: "403 Forbidden: missing scope payments:write",
    retryable: false,
  } as const;
  return shop({
    about: "payments forbids what it allowed, until a person asks for it again",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: { slo: within(3_900), diagnosis: { failureType: ["auth"], steps: ["charge"] } },
  });
});
