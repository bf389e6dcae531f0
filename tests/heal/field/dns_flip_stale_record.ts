import { scenario } from "tasker/simulation";

// Two resolvers disagree: for minutes at a time most lookups get the address of a machine that is gone,
// where SYN packets are dropped.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(45, 60);
  const period = draw.between(6, 9),
    bad = draw.between(0.6, 0.75) * period,
    share = draw.between(0.4, 0.55);
  const isStale = (minute: number) =>
    minute >= start && minute < end && (minute - start) % period < bad;
  return {
    about: "for minutes at a time half of the calls resolve to an address where nobody answers",
    minutes: 95,
    workflows: {
      "fleet/dispatch": {
        perMinute: draw.whole(30, 80),
        heal: { tier: "T1", timeoutMs: [500, 30_000], attemptsMax: [1, 8] },
        steps: {
          locate: { system: "geo", policy: { timeoutMs: 15_000, retry: { attemptsMax: 3 } } },
          assign: { system: "drivers", after: ["locate"] },
        },
      },
    },
    systems: {
      geo: {
        losesLate: true,
        react: ({ draw, minute }) =>
          isStale(minute) && draw.chance(share) ? undefined : { ms: draw.lognormal(60, 260) },
      },
      drivers: { instances: 4, react: ({ draw }) => ({ ms: draw.lognormal(200, 700) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 25_000 },
      forbidden: ["eject_instance"],
      diagnosis: { failureType: ["flapping", "partial_endpoint", "timeout"], steps: ["locate"] },
    },
  };
});
