import { scenario } from "tasker/simulation";

/** What the gateway gives each of its three tries. */
const INNER_MS = 2_000;

/**
 * A gateway that tries its backend three times, under a step that is tried four times: a dip of minutes
 * makes an overload that keeps itself going. Source: Bronson et al., "Metastable failures in distributed
 * systems", HotOS 2021.
 */
export default scenario((draw) => {
  const fullPerS = draw.between(4.6, 5.4);
  const dipPerS = draw.between(0.9, 1.3);
  const perSAt = (minute: number) => minute >= 12 && minute < 16 ? dipPerS : fullPerS;
  /** Requests that wait at the backend, at most for 25 s; and when they were counted. */
  let backlog = 0;
  let atMinute = -1;
  const waitMs = (minute: number): number => {
    const perS = perSAt(minute);
    // Calls of one instant count once: the bench asks many at a time, to find what is wrong when.
    const isCounted = minute !== atMinute;
    backlog = Math.max(0, backlog - Math.max(0, minute - atMinute) * 60 * perS);
    atMinute = minute;
    const ms = backlog / perS * 1_000;
    if (isCounted) backlog = Math.min(backlog + (ms > INNER_MS ? 3 : 1), 25 * perS);
    return ms;
  };
  return {
    about: "four slow minutes of a backend, then two layers of retries keep it overloaded",
    minutes: 90,
    workflows: {
      "travel/quote": {
        perMinute: 130,
        task: ({ draw }) => ({ priority: draw.chance(0.4) ? 5 : 2 }),
        steps: {
          profile: { system: "accounts" },
          fares: {
            system: "gateway",
            after: ["profile"],
            policy: {
              timeoutMs: 10_000,
              retry: { attemptsMax: 4, backoff: "none", delayMsMin: 1_000 },
            },
          },
        },
        heal: { tier: "T0" },
      },
    },
    systems: {
      accounts: { react: ({ draw }) => ({ ms: draw.lognormal(40, 160) }) },
      gateway: {
        instances: 4,
        react: ({ draw, minute }) => {
          const ms = waitMs(minute);
          if (ms <= INNER_MS) return { ms: ms + draw.lognormal(900, 2_500) / perSAt(minute) };
          const message = "502 Bad Gateway: no answer of backend fares after 3 tries";
          return { ms: 3 * INNER_MS, failure: { code: "http_502", message, retryable: true } };
        },
      },
    },
    wanted: {
      slo: { success: 0.9, withinMs: 30_000, of: ({ priority }) => priority <= 2 },
      // Every instance stands before the same backend, and longer time-outs keep more calls open.
      forbidden: ["eject_instance", "set_timeout"],
      diagnosis: { failureType: ["overload"], steps: ["fares"] },
    },
  };
});
