import { scenario } from "tasker/simulation";

/**
 * The worst case of metastable failure: workers of 100 ms, first come, first served, that work off
 * what nobody waits for any more. Source: Bronson et al., HotOS'21; a fifth of the toy of SREGym.
 */
export default scenario((draw) => {
  const [from, seconds, factor] = [5, draw.between(10, 20), draw.between(4, 6)];
  const perS = draw.pick([12, 17]);
  const isSlow = (minute: number) => minute >= from && minute < from + seconds / 60;
  const retry = { attemptsMax: 4, backoff: "none", delayMsMin: 10 } as const;
  return {
    about: `ten seconds of slowness at ${perS} tasks a second, and a queue that never recovers`,
    minutes: 40,
    workflows: {
      "toy/call": {
        perMinute: perS * 60,
        heal: { tier: "T1" },
        steps: {
          call: { system: "backend", policy: { timeoutMs: 1_000, retry, onExhausted: "fail" } },
        },
      },
    },
    systems: {
      backend: {
        capacity: { workers: 2 },
        react: ({ minute }) => ({ ms: isSlow(minute) ? 100 * factor : 100 }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 5_000 },
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["overload"], steps: ["call"] },
    },
  };
});
