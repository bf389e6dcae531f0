import { scenario } from "tasker/simulation";
import { fails, healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const failure = {
    class: "contract_violation",
    code: "contract_violation",
    message: 'The reply breaks the success contract: "total" is missing',
  } as const;
  const share = draw.between(0.8, 1);
  const instances = {
    "v1-a": {},
    "v1-b": {},
    "v1-c": {},
    "v1-d": { untilMinute: 15 },
    "v2-d": { fromMinute: 15, untilMinute: 65 },
    "v1-e": { fromMinute: 65 },
  };
  return shop({
    about: "the first of four workers gets a new version, whose answers break the contract",
    payments: {
      instances,
      react: (call) =>
        isFaulty(call.minute) && call.instance === "v2-d" && call.draw.chance(share)
          ? fails(failure)
          : healthy(call),
    },
    wanted: {
      slo: within(60),
      diagnosis: {
        failureType: ["worker_local", "deploy_regression", "contract_drift", "partial_endpoint"],
        steps: ["charge"],
      },
    },
  });
});
