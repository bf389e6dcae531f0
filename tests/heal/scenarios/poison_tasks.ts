import { scenario } from "tasker/simulation";
import { healthy, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const first = draw.whole(900, 950);
  const failure = {
    class: "thrown",
    code: "worker_killed",
    message: "worker was killed while it held the order: exit code 137",
  } as const;
  return shop({
    about: "three orders kill the worker that holds them, and are tried a thousand times",
    charge: { timeoutMs: 30_000, retry: { attemptsMax: 1_000, backoff: "none", delayMsMin: 10 } },
    payments: {
      capacity: { workers: 3 },
      react: (call) =>
        call.task.number >= first && call.task.number < first + 3 && call.minute < 65
          ? { ms: 14_000, failure }
          : healthy(call),
    },
    wanted: {
      slo: within(10, ({ number }) => number < first || number >= first + 3),
      diagnosis: { failureType: ["poison"], steps: ["charge"] },
    },
  });
});
