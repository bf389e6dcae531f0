import { scenario } from "tasker/simulation";

/**
 * The worst case of metastable failure: ten workers of 100 ms, first come, first served, that work
 * off what nobody waits for any more. Source: Bronson et al., HotOS'21; the numbers of SREGym's toy.
 */
export default scenario((draw) => {
  const [from, seconds, factor] = [5, draw.between(10, 20), draw.between(4, 6)];
  const perS = draw.pick([60, 85]);
  const isSlow = (minute: number) => minute >= from && minute < from + seconds / 60;
  return {
    about: `ten seconds of slowness at ${perS} tasks a second, and a queue that never recovers`,
    minutes: 30,
    workflows: {
      "toy/call": {
        perMinute: perS * 60,
        steps: {
          call: {
            system: "backend",
            policy: {
              timeoutMs: 1_000,
              retry: { attemptsMax: 4, backoff: "none", delayMsMin: 10 },
              onExhausted: "fail",
            },
          },
        },
      },
    },
    systems: {
      backend: {
        capacity: { workers: 10 },
        react: ({ minute }) => ({ ms: isSlow(minute) ? 100 * factor : 100 }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 5_000 },
      forbidden: ["set_timeout", "set_retry"],
      diagnosis: { failureType: ["overload"], steps: ["call"] },
    },
  };
});
