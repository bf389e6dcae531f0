import { scenario } from "tasker/simulation";

/**
 * The first of two name servers is dead: whoever has to look a name up waits for the resolver's five
 * seconds (resolv.conf's default), then the second one answers. Time-outs of four seconds never see that.
 */
export default scenario((draw) => {
  const [ofRates, ofTax] = [draw.between(0.35, 0.45), draw.between(0.3, 0.4)];
  const lookupMs = draw.between(5_000, 5_200);
  const isDead = (minute: number) => minute >= 11 && minute < 71;
  const policy = {
    timeoutMs: 4_000,
    retry: { attemptsMax: 2, delayMsMin: 300 },
    onExhausted: "fail",
  } as const;
  return {
    about: "the first name server is dead, and look-ups take longer than time-outs allow",
    minutes: 90,
    workflows: {
      "cargo/book": {
        perMinute: 60,
        steps: {
          rates: { system: "rates", policy },
          tax: { system: "tax", after: ["rates"], policy },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 15_000], attemptsMax: [2, 4] },
      },
      "cargo/estimate": {
        perMinute: 35,
        steps: { rates: { system: "rates", policy } },
        heal: { tier: "T1" },
      },
    },
    systems: {
      rates: {
        instances: 4,
        losesLate: true,
        react: ({ draw, minute }) => {
          const ms = draw.lognormal(140, 480);
          return { ms: isDead(minute) && draw.chance(ofRates) ? ms + lookupMs : ms };
        },
      },
      tax: {
        instances: 4,
        losesLate: true,
        react: ({ draw, minute }) => {
          const ms = draw.lognormal(200, 600);
          return { ms: isDead(minute) && draw.chance(ofTax) ? ms + lookupMs : ms };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // All instances are alike and none is overloaded: less of them, or of the load, helps nobody.
      forbidden: ["eject_instance", "pause_starts", "hold_system"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["rates", "tax"] },
    },
  };
});
