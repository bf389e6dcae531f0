import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const perMinute = draw.between(150, 240);
  return shop({
    about: "a batch of low priority uses up the rate of payments that orders need",
    task: () => ({ priority: 1 }),
    charge: { retry: { attemptsMax: 2 } },
    payments: { rateLimit: { perS: 2.5, retryAfterMs: 10_000 }, react: healthy },
    workflows: {
      "shop/settlement": {
        perMinute: (minute) => isFaulty(minute) ? perMinute : 5,
        heal: { tier: "T1" },
        task: () => ({ priority: 5 }),
        steps: { settle: { system: "payments" } },
      },
    },
    wanted: {
      slo: within(60, ({ workflow }) => workflow === "shop/order"),
      diagnosis: { failureType: ["rate_limit"], steps: ["charge", "settle"] },
    },
  });
});
