import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const retryAfterMs = draw.whole(20, 40) * 1_000;
  const failure = {
    code: "http_429",
    message: "429 Too Many Requests: the quota of this hour is spent",
    retryable: true,
    retryAfterMs,
  };
  return shop({
    about: "the quota at payments is spent until the hour is over, and each refusal says: soon",
    payments: { react: during((call) => call.draw.chance(0.98) ? fails(failure) : healthy(call)) },
    wanted: { slo: within(3_900), diagnosis: { failureType: ["rate_limit"], steps: ["charge"] } },
  });
});
