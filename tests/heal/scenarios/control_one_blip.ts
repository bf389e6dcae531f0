import { scenario } from "tasker/simulation";
import { healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const [minute, seconds] = [draw.whole(20, 60), draw.between(3, 6)];
  const failure = { class: "thrown", code: "ECONNRESET", message: "socket hang up" } as const;
  return shop({
    about: "payments is restarted once: for a few seconds its connections break",
    payments: {
      react: (call) =>
        call.minute >= minute && call.minute < minute + seconds / 60
          ? { ms: 20, failure }
          : healthy(call),
    },
    wanted: { slo: within(60), isControl: true },
  });
});
