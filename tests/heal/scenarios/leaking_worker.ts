import { scenario } from "tasker/simulation";
import { fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [sick, full] = [`payments-${draw.whole(1, 4)}`, draw.between(15, 25)];
  const failure = { code: "out_of_memory", message: "JavaScript heap out of memory" };
  return shop({
    about: "one of four workers leaks memory, and fails more and more",
    payments: {
      instances: 4,
      react: (call) => {
        const leaked = call.minute > 65 ? 0 : Math.max(0, (call.minute - 15) / full);
        return call.instance === sick && call.draw.chance(leaked) ? fails(failure) : healthy(call);
      },
    },
    wanted: {
      slo: within(60),
      diagnosis: { failureType: ["worker_local", "resource"], steps: ["charge"] },
    },
  });
});
