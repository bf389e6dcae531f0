import { scenario } from "tasker/simulation";

// Flapping: the feed of exchange rates is away for a minute, back for a minute, and so on.
export default scenario((draw) => {
  const start = draw.whole(13, 18), end = start + draw.whole(40, 52);
  const period = draw.between(1.3, 2), down = draw.between(0.4, 0.55);
  const isDown = (minute: number) =>
    minute >= start && minute < end && ((minute - start) % period) / period < down;
  return {
    about: "the feed of exchange rates goes away and comes back every minute or two",
    minutes: 82,
    workflows: {
      "travel/invoice": {
        perMinute: draw.whole(15, 35),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 8] },
        steps: {
          lines: { system: "ledger" },
          rate: {
            system: "rates_feed",
            policy: {
              timeoutMs: 5_000,
              retry: { attemptsMax: 3, delayMsMin: 300, delayMsMax: 2_000 },
            },
          },
          issue: { system: "ledger", after: ["lines", "rate"], event: "ledger.issue" },
        },
      },
    },
    systems: {
      ledger: { react: ({ draw }) => ({ ms: draw.lognormal(90, 400) }) },
      rates_feed: {
        react: ({ draw, minute }) =>
          isDown(minute)
            ? {
              ms: draw.between(5, 40),
              failure: {
                class: "thrown",
                code: "ECONNREFUSED",
                message: "connect ECONNREFUSED 10.4.0.17:9443",
              },
            }
            : { ms: draw.lognormal(140, 600) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 600_000 },
      // it refuses at once, so another time-out changes nothing; no invoice is at fault
      forbidden: ["set_timeout", "quarantine_task"],
      diagnosis: {
        failureType: ["dependency_down", "flapping"],
        steps: ["rate"],
      },
    },
  };
});
