import { scenario } from "tasker/simulation";

// Hung peer: one renderer of several takes work and never says anything again.
export default scenario((draw) => {
  const start = draw.whole(13, 18), end = start + draw.whole(40, 55), count = draw.whole(5, 8);
  const hung = `render-${draw.whole(1, count)}`;
  const names = Array.from({ length: count }, (_, index) => [`render-${index + 1}`, {}] as const);
  return {
    about: "one of the renderers of brochures hangs with an open connection",
    minutes: 80,
    workflows: {
      "print/brochure": {
        perMinute: draw.whole(30, 60),
        heal: { tier: "T1", timeoutMs: [2_000, 60_000], attemptsMax: [1, 4] },
        steps: {
          layout: { system: "layouter" },
          pages: {
            system: "renderer",
            after: ["layout"],
            policy: { timeoutMs: 30_000, retry: { attemptsMax: 3 } },
          },
          cover: { system: "layouter", after: ["layout"], event: "layouter.cover" },
          bind: { system: "binder", after: ["pages", "cover"] },
        },
      },
    },
    systems: {
      layouter: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(200, 800) }) },
      renderer: {
        instances: Object.fromEntries(names),
        react: ({ draw, minute, instance }) =>
          instance === hung && minute >= start && minute < end
            ? undefined
            : { ms: draw.lognormal(900, 3_000) },
      },
      binder: { react: ({ draw }) => ({ ms: draw.lognormal(250, 900) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 25_000 },
      // the other renderers have room: to hold brochures back would be an outage of our own making
      forbidden: ["pause_starts", "quarantine_task"],
      diagnosis: {
        failureType: ["worker_local", "timeout"],
        steps: ["pages"],
      },
    },
  };
});
