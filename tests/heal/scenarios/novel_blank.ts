import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.92, 1);
  const failure = { class: "failed", code: "unspecified", message: "-" } as const;
  return shop({
    about: "everything fails without a word, until somebody finds out why",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },

    wanted: { slo: within(3_900), diagnosis: { failureType: ["novel"], steps: ["charge"] } },
  });
});
