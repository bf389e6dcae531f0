import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.9, 1);
  const failure = {
    class: "failed",
    code: "53100",
    message: "could not extend file base/16384/2619: No space left on device",
    retryable: false,
  } as const;
  return shop({
    about: "the database of payments is full, until a person makes room",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    wanted: { slo: within(3_900), diagnosis: { failureType: ["storage"], steps: ["charge"] } },
  });
});
