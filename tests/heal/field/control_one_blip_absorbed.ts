import { scenario } from "tasker/simulation";

// One blip: a switch is restarted; some seconds of resets that a second attempt gets over.
export default scenario((draw) => {
  const at = draw.between(30, 50), length = draw.between(0.3, 0.8);
  return {
    about: "twenty to fifty seconds of connection resets, once",
    minutes: 80,
    workflows: {
      "library/loan": {
        perMinute: draw.whole(20, 50),
        heal: { tier: "T0", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          member: { system: "members" },
          loan: {
            system: "shelves",
            after: ["member"],
            policy: {
              timeoutMs: 5_000,
              retry: { attemptsMax: 6, delayMsMin: 2_000, delayMsMax: 60_000 },
            },
          },
          mail: { system: "mailer", after: ["loan"] },
        },
      },
    },
    systems: {
      members: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      shelves: {
        react: ({ draw, minute }) =>
          minute >= at && minute < at + length && draw.chance(0.6)
            ? {
              ms: draw.between(2, 20),
              failure: { class: "thrown", code: "ECONNRESET", message: "read ECONNRESET" },
            }
            : { ms: draw.lognormal(160, 700) },
      },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(100, 400) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 300_000 }, isControl: true },
  };
});
