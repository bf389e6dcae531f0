import { scenario } from "tasker/simulation";

// Upstream collects while the core is in maintenance, and sends all of it when the window closes.
export default scenario((draw) => {
  const start = draw.between(14, 18),
    open = start + draw.between(5, 7),
    herd = open + draw.between(3, 4);
  const places = draw.whole(6, 9);
  const perMinute = Math.round(places * 60 / 1.9 * 0.6), times = draw.between(4, 5.5);
  return {
    about:
      "after a maintenance everything that was collected arrives at once, and the core stays overloaded",
    minutes: 80,
    workflows: {
      "core/posting": {
        perMinute: (minute) =>
          minute >= open && minute < herd
            ? perMinute * times
            : minute >= start && minute < open
            ? perMinute * 0.1
            : perMinute,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        task: ({ draw }) =>
          draw.chance(0.5)
            ? { priority: 4, tags: ["source:archive"] }
            : { priority: 2, tags: ["source:branch"] },
        steps: {
          post: { system: "core", policy: { timeoutMs: 7_000, retry: { attemptsMax: 5 } } },
          confirm: { system: "outbox", after: ["post"] },
        },
      },
    },
    systems: {
      core: {
        instances: 2,
        capacity: { workers: Math.ceil(places / 2) },
        react: ({ draw, minute }) =>
          minute >= start && minute < open
            ? {
              ms: 10,
              failure: {
                class: "thrown",
                code: "http_503",
                message: "503 Service Unavailable: scheduled maintenance",
              },
            }
            : { ms: draw.lognormal(1_700, 4_000) },
      },
      outbox: { react: ({ draw }) => ({ ms: draw.lognormal(40, 150) }) },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 60_000,
        of: ({ priority, minute }) => priority === 2 && !(minute >= start && minute < open),
      },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["overload", "dependency_down"], steps: ["post"] },
    },
  };
});
