import { scenario } from "tasker/simulation";
import { fails, healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const sick = `payments-${draw.whole(1, 4)}`;
  const failure = {
    code: "internal_error",
    message: "Cannot read properties of undefined (reading 'amount')",
  };
  return shop({
    about: "one of four workers fails everything that it gets, for good",
    payments: {
      instances: 4,
      react: (call) =>
        isFaulty(call.minute) && call.instance === sick ? fails(failure) : healthy(call),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["worker_local", "partial_endpoint"], steps: ["charge"] },
    },
  });
});
