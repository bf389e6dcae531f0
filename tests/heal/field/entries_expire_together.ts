import { scenario } from "tasker/simulation";

/**
 * A bulk load gave all entries of a cache the same time to live: each time it is over, every reader
 * computes for himself. Source: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013.
 */
export default scenario((draw) => {
  const lifeMinutes = draw.between(9, 11);
  const [coldMsMin, coldMsMax] = [draw.between(5_200, 6_000), draw.between(8_000, 9_500)];
  const loadedMinute = 12;
  const users = 160;
  /** From which minute an entry is there again. */
  const filled = new Map<number, number>();
  const expiredAt = (minute: number) => minute - (minute - loadedMinute) % lifeMinutes;
  const isCold = (user: number, minute: number) => {
    const since = filled.get(user);
    return minute >= loadedMinute && minute < 85 &&
      (since === undefined || since > minute || since < expiredAt(minute));
  };
  return {
    about: "all entries of a cache expire together every ten minutes",
    minutes: 100,
    workflows: {
      "feed/render": {
        perMinute: 110,
        task: ({ draw }) => ({ input: { user: draw.whole(1, users) } }),
        steps: {
          profile: {
            system: "profiles",
            policy: {
              timeoutMs: 4_000,
              retry: { attemptsMax: 2, backoff: "none", delayMsMin: 500 },
              onExhausted: "fail",
            },
          },
          render: { system: "renderer", after: ["profile"] },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 3] },
      },
    },
    systems: {
      profiles: {
        instances: 3,
        capacity: { workers: 12 },
        losesLate: true,
        react: ({ draw, minute, task }) => {
          const user = Number(task.input["user"]);
          if (!isCold(user, minute)) return { ms: draw.lognormal(25, 90) };
          const ms = draw.between(coldMsMin, coldMsMax);
          // The first who computes fills the entry, when that is done.
          if ((filled.get(user) ?? 0) < minute) filled.set(user, minute + ms / 60_000);
          return { ms };
        },
      },
      renderer: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(150, 600) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 25_000 },
      // The computed entries fill the cache: who holds the system or its instances back keeps it cold.
      forbidden: ["hold_system", "eject_instance", "park_and_notify"],
      diagnosis: { failureType: ["timeout", "latency_shift"], steps: ["profile"] },
    },
  };
});
