import { scenario } from "tasker/simulation";
import { healthy, isFaulty, shop, within } from "../shop.ts";

export default scenario((draw) => {
  const share = draw.between(0.25, 0.35);
  const failure = {
    code: "invalid_address",
    message: "422 Unprocessable Entity: postal code does not match country",
    retryable: true,
  };
  return shop({
    about: "one tenant's addresses are wrong; each is tried again and again, and fills the workers",
    charge: { retry: { attemptsMax: 8, backoff: "none", delayMsMin: 100 }, timeoutMs: 20_000 },
    task: ({ draw, minute }) => ({
      tags: [isFaulty(minute) && draw.chance(share) ? "tenant:crux" : "tenant:acme"],
    }),
    payments: {
      capacity: { workers: 3 },
      react: (call) =>
        call.task.tags.includes("tenant:crux") && isFaulty(call.task.minute)
          ? { ms: 1_800, failure }
          : healthy(call),
    },
    wanted: {
      slo: within(15, ({ tags }) => !tags.includes("tenant:crux")),
      diagnosis: {
        failureType: ["overload", "data_quality", "validation", "poison"],
        steps: ["charge"],
      },
    },
  });
});
