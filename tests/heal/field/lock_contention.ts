import { scenario } from "tasker/simulation";

// Sessions contend for a hot row: more at once are slower in all (Universal Scalability Law).
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(5, 8);
  const perMinute = draw.whole(75, 95), more = draw.between(2.2, 2.6);
  const ends: number[] = [];
  return {
    about: "transactions contend for one row: the more there are at once, the fewer get through",
    minutes: 70,
    workflows: {
      "seats/book": {
        perMinute: (minute) => perMinute * (minute >= start && minute < end ? more : 1),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          quote: { system: "pricing" },
          book: {
            system: "seatdb",
            after: ["quote"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 4, delayMsMin: 300 } },
          },
        },
      },
    },
    systems: {
      pricing: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(80, 250) }) },
      seatdb: {
        capacity: { workers: 60 },
        react: ({ draw, minute }) => {
          for (let index = ends.length - 1; index >= 0; index--) {
            if ((ends[index] as number) <= minute) ends.splice(index, 1);
          }
          const others = ends.length;
          const ms = draw.lognormal(620, 1_200) * (1 + 0.12 * others + 0.05 * others ** 2);
          ends.push(minute + ms / 60_000);
          return { ms };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "resource"], steps: ["book"] },
    },
  };
});
