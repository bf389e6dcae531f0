import { scenario } from "tasker/simulation";

// Credential expiry of one instance: it missed the rotation, and refuses its share within milliseconds.
export default scenario((draw) => {
  const start = draw.whole(13, 18), end = start + draw.whole(40, 55), count = draw.whole(5, 8);
  const stale = `gate-${draw.whole(1, count)}`;
  const names = Array.from({ length: count }, (_, index) => [`gate-${index + 1}`, {}] as const);
  return {
    about: "one node of the access gate missed the rotation of its token",
    minutes: 80,
    workflows: {
      "campus/badge": {
        perMinute: draw.whole(60, 140),
        heal: { tier: "T0", timeoutMs: [500, 10_000], attemptsMax: [1, 4] },
        steps: {
          person: { system: "directory" },
          grant: {
            system: "gate",
            after: ["person"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 1 } },
          },
          photo: { system: "photos", after: ["person"] },
        },
      },
    },
    systems: {
      directory: { react: ({ draw }) => ({ ms: draw.lognormal(40, 200) }) },
      gate: {
        instances: Object.fromEntries(names),
        react: ({ draw, minute, instance }) =>
          instance === stale && minute >= start && minute < end
            ? {
              ms: draw.between(4, 15),
              failure: { class: "thrown", code: "http_401", message: "token expired" },
            }
            : { ms: draw.lognormal(200, 700) },
      },
      photos: { react: ({ draw }) => ({ ms: draw.lognormal(150, 500) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // a refused token is refused at once; people stand at doors, so nothing is held back or set aside
      forbidden: ["set_timeout", "pause_starts", "quarantine_task"],
      diagnosis: {
        failureType: ["worker_local", "partial_endpoint", "auth"],
        steps: ["grant"],
      },
    },
  };
});
