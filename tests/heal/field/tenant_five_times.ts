import { scenario } from "tasker/simulation";

// A tenant of the free plan runs an import and sends five times of what it usually does.
export default scenario((draw) => {
  const start = draw.between(14, 20), end = start + draw.between(40, 50);
  const others = draw.whole(30, 45), normal = draw.whole(20, 26), times = draw.between(4.5, 6);
  const isHeavy = (minute: number) => minute >= start && minute < end;
  return {
    about: "one tenant sends five times as much as usual, and all others wait behind it",
    minutes: 80,
    workflows: {
      "events/enrich": {
        perMinute: (minute) => others + normal * (isHeavy(minute) ? times : 1),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 5] },
        task: ({ draw, minute }) =>
          draw.chance(
              isHeavy(minute)
                ? normal * times / (others + normal * times)
                : normal / (others + normal),
            )
            ? { tags: ["tenant:loki"], priority: 4, input: { tenant: "loki" } }
            : {
              tags: [draw.share({ "tenant:freya": 2, "tenant:odin": 1, "tenant:tyr": 1 })],
              priority: 3,
              input: {},
            },
        steps: {
          enrich: { system: "enricher", policy: { timeoutMs: 8_000, retry: { attemptsMax: 3 } } },
          store: { system: "sink", after: ["enrich"] },
        },
      },
    },
    systems: {
      enricher: {
        instances: 3,
        capacity: { workers: 1, dropsAbandoned: true },
        react: ({ draw }) => ({ ms: draw.lognormal(1_300, 3_000) }),
      },
      sink: { react: ({ draw }) => ({ ms: draw.lognormal(30, 100) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000, of: ({ tags }) => !tags.includes("tenant:loki") },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["overload"], steps: ["enrich"] },
    },
  };
});
