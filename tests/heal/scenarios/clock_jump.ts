import { scenario } from "tasker/simulation";
import { during, fails, healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const ms = draw.whole(8, 20) * 60_000;
  const failure = {
    code: "request_time_too_skewed",
    message: "The difference between the request time and the server's time is too large",
  };
  return shop({
    about:
      "the time of day is set forward by minutes, and payments takes no signature of that time",
    payments: { react: during((call) => call.draw.chance(0.98) ? fails(failure) : healthy(call)) },
    clockJumps: [{ minute: 15, ms }, { minute: 65, ms: -ms }],
    wanted: { slo: within(3_900), diagnosis: { failureType: ["clock"], steps: ["charge"] } },
  });
});
