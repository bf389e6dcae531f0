import { scenario } from "tasker/simulation";
import { healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.03, 0.06);
  const failure = { class: "thrown", code: "http_503", message: "503 try again" } as const;
  return shop({
    about: "payments breaks now and then, as it always has; retries take care of it",
    payments: {
      react: (call) =>
        call.draw.chance(share) ? { ms: call.draw.lognormal(60, 900), failure } : healthy(call),
    },
    wanted: { slo: within(60), isControl: true },
  });
});
