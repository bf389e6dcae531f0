import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const period = draw.between(20, 24);
  const growth = draw.between(0.9, 1.2);
  const factor = (minute: number) =>
    minute < 10 || minute >= 84 ? 1 : 1 + growth * ((minute - 10) % period);
  return {
    about: "one of four nodes leaks memory and becomes slow, until it restarts and leaks again",
    minutes: 90,
    workflows: {
      "games/match": {
        perMinute: 80,
        heal: { tier: "T0" },
        steps: {
          rank: { system: "profiles" },
          match: {
            system: "matcher",
            after: ["rank"],
            // A match that was not found in time is of no use to players.
            policy: { timeoutMs: 2_000, retry: { attemptsMax: 1 }, onExhausted: "fail" },
          },
        },
      },
    },
    systems: {
      profiles: { react: ({ draw }) => ({ ms: draw.lognormal(20, 70) }) },
      matcher: {
        instances: { "m-1": {}, "m-2": {}, "m-3": {}, "m-4": {} },
        losesLate: true,
        react: ({ draw, minute, instance }) => ({
          ms: draw.lognormal(250, 700) * (instance === "m-2" ? factor(minute) : 1),
        }),
      },
    },
    wanted: {
      slo: { success: 0.93, withinMs: 4_000 },
      // Three nodes have room for all players, and none of them is at fault.
      forbidden: ["pause_starts", "quarantine_task", "hold_system", "open_circuit"],
      diagnosis: {
        failureType: ["worker_local", "resource", "timeout", "latency_shift"],
        steps: ["match"],
      },
    },
  };
});
