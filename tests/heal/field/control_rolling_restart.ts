import { scenario } from "tasker/simulation";

/** Six instances are replaced one after the other; each new one is slow for its first minute. */
export default scenario((draw) => {
  const everyMinutes = draw.whole(4, 6);
  const startAt = (at: number) => 20 + at * everyMinutes;
  const names = [0, 1, 2, 3, 4, 5] as const;
  const instances = Object.fromEntries(names.flatMap((at) => [
    [`search-a${at}`, { untilMinute: startAt(at) }],
    [`search-b${at}`, { fromMinute: startAt(at) + 1 }],
  ]));
  const isCold = (instance: string, minute: number) => {
    const { fromMinute } = instances[instance] as { fromMinute?: number };
    return fromMinute !== undefined && minute < fromMinute + 1;
  };
  return {
    about: "a deploy replaces six instances one by one, as it does each week",
    minutes: 80,
    workflows: {
      "site/search": {
        perMinute: 160,
        steps: {
          find: { system: "search", policy: { timeoutMs: 5_000 } },
          rank: { system: "ranker", after: ["find"] },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 5] },
      },
    },
    systems: {
      search: {
        instances,
        react: ({ draw, minute, instance }) => ({
          ms: draw.lognormal(90, 400) * (isCold(instance, minute) ? 3 : 1),
        }),
      },
      ranker: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(40, 160) }) },
    },
    wanted: { slo: { success: 0.97, withinMs: 10_000 }, isControl: true },
  };
});
