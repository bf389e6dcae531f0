import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const perS = draw.between(1.25, 1.4);
  return shop({
    about: "payments has lowered its rate to just above the load, and refuses each small burst",
    charge: { retry: { attemptsMax: 2 } },
    payments: {
      rateLimit: { perS: (minute) => isFaulty(minute) ? perS : 100, retryAfterMs: 45_000 },
      react: healthy,
    },
    wanted: { slo: within(40), diagnosis: { failureType: ["rate_limit"], steps: ["charge"] } },
  });
});
