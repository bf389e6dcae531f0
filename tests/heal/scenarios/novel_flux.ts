import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.5, 0.65);
  const failure = {
    class: "thrown",
    code: "E_QX_771",
    message: "flux alignment lost in sector 7",
  } as const;
  return shop({
    about: "an error that nobody has seen: most attempts fail with it, at random",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },

    wanted: { slo: within(300), diagnosis: { failureType: ["novel"], steps: ["charge"] } },
  });
});
