import { scenario } from "tasker/simulation";

// A bad optic in one link bundle loses a tenth of the flows: those calls never get an answer.
export default scenario((draw) => {
  const start = draw.between(15, 22), end = start + draw.between(40, 55);
  const share = draw.between(0.08, 0.13);
  return {
    about: "a tenth of all calls is lost on the network, and the time-out is long",
    minutes: 85,
    workflows: {
      "cart/reserve": {
        perMinute: draw.whole(60, 180),
        heal: { tier: "T1", timeoutMs: [500, 60_000], attemptsMax: [1, 6] },
        steps: {
          reserve: {
            system: "inventory",
            policy: { timeoutMs: 30_000, retry: { attemptsMax: 3 } },
          },
          answer: { system: "cart", after: ["reserve"] },
        },
      },
    },
    systems: {
      inventory: {
        instances: draw.whole(3, 12),
        losesLate: true,
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(share)
            ? undefined
            : { ms: draw.lognormal(110, 480) },
      },
      cart: { react: ({ draw }) => ({ ms: draw.lognormal(30, 90) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 15_000 },
      forbidden: ["eject_instance"],
      diagnosis: { failureType: ["timeout"], steps: ["reserve"] },
    },
  };
});
