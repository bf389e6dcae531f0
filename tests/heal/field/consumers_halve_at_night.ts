import { scenario } from "tasker/simulation";

// A schedule scales the consumers in for the night, but the load of another time zone is there.
export default scenario((draw) => {
  const start = draw.whole(15, 20), end = start + draw.whole(40, 50);
  const half = draw.whole(3, 5);
  const day = Array.from({ length: half }, (_, index) => [`night-${index + 1}`, {}] as const);
  const rest = Array.from(
    { length: half },
    (_, index) => [`extra-${index + 1}`, { untilMinute: start }] as const,
  );
  const back = Array.from(
    { length: half },
    (_, index) => [`morning-${index + 1}`, { fromMinute: end }] as const,
  );
  // Each does two at once, of 2.2 s: load is 75 % of all of them.
  const perMinute = Math.round(2 * half * 2 * 60 / 2.2 * 0.74 / 2);
  return {
    about: "half of the consumers are taken away by a schedule while the load stays",
    minutes: 85,
    workflows: {
      "mail/deliver": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 5] },
        task: ({ draw }) =>
          draw.chance(0.6)
            ? { priority: 5, tags: ["newsletter"] }
            : { priority: 1, tags: ["receipt"] },
        steps: {
          compose: { system: "templates" },
          deliver: {
            system: "smtp",
            after: ["compose"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      templates: { react: ({ draw }) => ({ ms: draw.lognormal(30, 90) }) },
      smtp: {
        instances: Object.fromEntries([...day, ...rest, ...back]),
        capacity: { workers: 1 },
        react: ({ draw }) => ({ ms: draw.lognormal(2_000, 4_500) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: ({ priority }) => priority === 1 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "resource"], steps: ["deliver"] },
    },
  };
});
