import { scenario } from "tasker/simulation";
import { fails, healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.8, 1);
  const failure = { code: "bad_request", message: "400 Bad Request: unknown field 'amout'" };
  return shop({
    about: "a new version of the workflow asks payments for nonsense, until it is rolled back",
    version: (minute) => isFaulty(minute) ? "1.1.0" : "1.0.0",
    payments: {
      react: (call) =>
        call.task.version === "1.1.0" && isFaulty(call.minute) && call.draw.chance(share)
          ? fails(failure)
          : healthy(call),
    },
    wanted: {
      slo: within(3_900),
      diagnosis: { failureType: ["deploy_regression"], steps: ["charge"] },
    },
  });
});
