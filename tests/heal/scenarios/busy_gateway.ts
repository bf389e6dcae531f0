import { scenario } from "tasker/simulation";
import { isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const factor = draw.between(3.5, 6);
  return shop({
    about: "a gateway that has hundreds of attempts a minute takes several times as long",
    perMinute: 400,
    charge: { timeoutMs: 1_000, retry: { attemptsMax: 3, backoff: "none", delayMsMin: 500 } },
    payments: {
      react: ({ draw, minute }) => ({
        ms: draw.lognormal(250, 480) * (isFaulty(minute) ? factor : 1),
      }),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["charge"] },
    },
  });
});
