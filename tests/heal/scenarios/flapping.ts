import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [periodS, share] = [draw.between(40, 80), draw.between(0.5, 0.6)];
  const failure = {
    class: "thrown",
    code: "http_503",
    message: "503 Service Unavailable: no healthy upstream",
  } as const;
  return shop({
    about: "payments goes away and comes back, again and again",
    charge: { retry: { attemptsMax: 2 } },
    payments: {
      react: during((call) =>
        (call.minute * 60 % periodS) / periodS < share && call.draw.chance(0.9)
          ? fails(failure)
          : healthy(call)
      ),
    },
    wanted: {
      slo: within(600),
      diagnosis: { failureType: ["flapping", "dependency_down"], steps: ["charge"] },
    },
  });
});
