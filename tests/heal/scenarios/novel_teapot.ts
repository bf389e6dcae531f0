import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.9, 1);
  const failure = { class: "failed", code: "short_and_stout", message: "I am a teapot" } as const;
  return shop({
    about: "everything fails with an unknown error, and another provider offers the same",
    payments: { react: during((call) => call.draw.chance(share) ? fails(failure) : healthy(call)) },
    systems: { payments_b: { react: healthy, offers: ["payments.charge"] } },
    wanted: { slo: within(60), diagnosis: { failureType: ["novel"], steps: ["charge"] } },
  });
});
