import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.5, 0.65);
  const failure = {
    class: "thrown",
    code: "4711",
    message: "Vorgang konnte nicht abgeschlossen werden",
  } as const;
  return shop({
    about: "an error in words that no rule knows, at random",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },

    wanted: { slo: within(300), diagnosis: { failureType: ["novel"], steps: ["charge"] } },
  });
});
