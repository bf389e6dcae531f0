import { scenario } from "tasker/simulation";
import { shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [seconds, factor] = [draw.between(60, 120), draw.between(4, 6)];
  const isSlow = (minute: number) => minute >= 15 && minute < 15 + seconds / 60;
  const retry = { attemptsMax: 6, backoff: "none", delayMsMin: 50 } as const;
  return shop({
    about: "payments was slow for a minute; retries keep it busy with what nobody waits for",
    perMinute: 100,
    charge: { timeoutMs: 2_000, retry },
    payments: {
      capacity: { workers: 2 },
      react: ({ draw, minute }) => ({
        ms: draw.lognormal(900, 1_200) * (isSlow(minute) ? factor : 1),
      }),
    },
    wanted: {
      slo: within(30),
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["overload"], steps: ["charge"] },
    },
  });
});
