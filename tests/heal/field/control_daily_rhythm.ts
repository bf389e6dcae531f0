import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const low = draw.between(20, 40), swing = draw.between(2.5, 3.5), day = draw.between(55, 75);
  const load = (minute: number) =>
    low * (1 + (swing - 1) * (1 - Math.cos(2 * Math.PI * minute / day)) / 2);
  return {
    about: "load and latency rise and fall as every day, within what the system can do",
    minutes: 130,
    workflows: {
      "shop/browse": {
        perMinute: load,
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 6] },
        steps: {
          render: { system: "web", policy: { timeoutMs: 6_000, retry: { attemptsMax: 3 } } },
          track: { system: "events", after: ["render"] },
        },
      },
    },
    systems: {
      web: {
        instances: 4,
        capacity: { workers: 4 },
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(300, 1_100) * (0.8 + 0.5 * load(minute) / (low * swing)),
        }),
      },
      events: { react: ({ draw }) => ({ ms: draw.lognormal(15, 60) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 45_000 }, isControl: true },
  };
});
