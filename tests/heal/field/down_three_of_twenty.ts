import { scenario } from "tasker/simulation";

// Maintenance of the dependency locks its tables: most of its calls break for some minutes, about three times an hour.
export default scenario((draw) => {
  const start = draw.between(16, 22),
    period = draw.between(17, 21),
    down = draw.between(3, 4),
    share = draw.between(0.55, 0.8);
  const isDown = (minute: number) => minute >= start && (minute - start) % period < down;
  const failure = {
    class: "thrown",
    code: "http_502",
    message: "502 Bad Gateway: upstream prematurely closed connection",
  } as const;
  return {
    about: "a dependency is mostly down for three minutes of every twenty",
    minutes: 120,
    workflows: {
      "travel/hold": {
        perMinute: draw.whole(40, 120),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 8] },
        steps: {
          search: { system: "fares" },
          hold: {
            system: "airline",
            after: ["search"],
            policy: { timeoutMs: 6_000, retry: { attemptsMax: 1 } },
          },
        },
      },
    },
    systems: {
      fares: { instances: 3, react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }) },
      airline: {
        react: ({ draw, minute }) =>
          isDown(minute) && draw.chance(share)
            ? { ms: draw.between(20, 90), failure }
            : { ms: draw.lognormal(350, 1_200) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 420_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["flapping", "dependency_down"], steps: ["hold"] },
    },
  };
});
