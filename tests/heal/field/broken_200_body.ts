import { scenario } from "tasker/simulation";

// A web application firewall answers 200 with its challenge page; a second provider could take over.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(40, 55);
  const share = draw.between(0.6, 1);
  const failure = {
    class: "contract_violation",
    code: "bad_answer",
    message:
      'answer of fx.quote does not match its contract: expected object, received string "<!DOCTYPE html><title>Just a moment"',
    retryable: true,
  } as const;
  return {
    about: "a provider answers 200 with a page instead of data; another provider is there",
    minutes: 85,
    workflows: {
      "fx/quote": {
        perMinute: draw.whole(50, 120),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          quote: {
            system: "fx",
            event: "fx.quote",
            policy: { timeoutMs: 2_000, retry: { attemptsMax: 2 } },
          },
          book: { system: "desk", after: ["quote"] },
        },
      },
    },
    systems: {
      fx: {
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(share)
            ? { ms: 35, failure }
            : { ms: draw.lognormal(90, 350) },
      },
      fx_backup: { offers: ["fx.quote"], react: ({ draw }) => ({ ms: draw.lognormal(250, 800) }) },
      desk: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(120, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["contract_drift"], steps: ["quote"] },
    },
  };
});
