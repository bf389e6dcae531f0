import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const stallMs = draw.between(12_000, 18_000);
  const stallAt = draw.between(28, 32);
  return {
    about: "a database stands still once for a quarter of a minute, and then goes on as before",
    minutes: 65,
    workflows: {
      "library/loan": {
        perMinute: 50,
        heal: { tier: "T1", timeoutMs: [5_000, 60_000], attemptsMax: [1, 5] },
        steps: {
          find: { system: "catalogue" },
          lend: { system: "loans", after: ["find"], policy: { timeoutMs: 30_000 } },
        },
      },
    },
    systems: {
      catalogue: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      loans: {
        react: ({ draw, minute }) => {
          const leftMs = stallMs - (minute - stallAt) * 60_000;
          const waitMs = minute >= stallAt && leftMs > 0 ? leftMs : 0;
          return { ms: waitMs + draw.lognormal(110, 400) };
        },
      },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
