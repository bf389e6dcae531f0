import { scenario } from "tasker/simulation";
import { fails, healthy, shop } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.01, 0.03);
  const failure = { code: "card_declined", message: "402 Payment Required: the card was declined" };
  return shop({
    about: "a few cards are declined, as every day",
    payments: { react: (call) => call.draw.chance(share) ? fails(failure) : healthy(call) },
    wanted: { slo: { success: 0.85, withinMs: 60_000 }, isControl: true },
  });
});
