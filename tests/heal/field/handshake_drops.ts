import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.33, 0.42);
  const isLossy = (minute: number) => minute >= 10 && minute < 65;
  return {
    about: "a third of the connections to the payment provider is reset during the handshake",
    minutes: 78,
    workflows: {
      "travel/booking": {
        perMinute: 35,
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 6] },
        steps: {
          hold: { system: "seats" },
          pay: {
            system: "cards",
            after: ["hold"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 2 } },
          },
          ticket: { system: "seats", after: ["pay"] },
        },
      },
    },
    systems: {
      seats: { react: ({ draw }) => ({ ms: draw.lognormal(140, 450) }) },
      cards: {
        react: ({ draw, minute }) =>
          isLossy(minute) && draw.chance(share)
            ? {
              ms: draw.lognormal(60, 150),
              failure: {
                class: "thrown",
                code: "ECONNRESET",
                message: "connection reset by peer during the TLS handshake",
              },
            }
            : { ms: draw.lognormal(450, 1_500) },
      },
    },
    wanted: {
      slo: { success: 0.97, withinMs: 60_000 },
      // Most connections are good, so no booking needs to be held back; and no time-out was met.
      forbidden: ["pause_starts", "set_timeout", "quarantine_task", "eject_instance"],
      diagnosis: {
        failureType: ["partial_endpoint", "flapping", "dependency_down"],
        steps: ["pay"],
      },
    },
  };
});
