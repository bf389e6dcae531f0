import { scenario } from "tasker/simulation";
import { fails, healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const sick = `payments-${draw.whole(1, 5)}`;
  const failure = {
    code: "ENOSPC",
    message: "ENOSPC: no space left on device, write '/var/spool/charge.log'",
  };
  return shop({
    about: "the disk of one of five workers is full",
    payments: {
      instances: 5,
      react: (call) =>
        isFaulty(call.minute) && call.instance === sick ? fails(failure) : healthy(call),
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["worker_local", "storage", "resource"], steps: ["charge"] },
    },
  });
});
