import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const campaign = draw.between(150, 190);
  const runs = (minute: number) => minute >= 18 && minute < 50;
  return {
    about: "a campaign triples the load, for which there is room; some cards are declined as ever",
    minutes: 75,
    workflows: {
      "charity/donate": {
        perMinute: (minute) => runs(minute) ? campaign : 55,
        task: ({ draw, minute }) => ({
          tags: [runs(minute) && draw.chance(0.6) ? "from:campaign" : "from:site"],
        }),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        steps: {
          charge: { system: "cards", policy: { timeoutMs: 10_000, onExhausted: "fail" } },
          thank: { system: "mail", after: ["charge"] },
        },
      },
    },
    systems: {
      cards: {
        instances: 2,
        capacity: { workers: 8 },
        react: ({ draw }) =>
          draw.chance(0.03)
            ? {
              ms: draw.lognormal(300, 900),
              failure: { code: "card_declined", message: "the issuer declined the card" },
            }
            : { ms: draw.lognormal(600, 1_800) },
      },
      mail: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: { slo: { success: 0.8, withinMs: 60_000 }, isControl: true },
  };
});
