import { scenario } from "tasker/simulation";

/** A command removes too many servers of a region's object storage: hours of nothing. */
export default scenario((draw) => {
  const began = draw.whole(15, 20);
  const back = began + draw.whole(40, 50);
  return {
    about: "object storage of a whole region is down for most of an hour, and nothing replaces it",
    minutes: 90,
    workflows: {
      "photos/upload": {
        perMinute: 50,
        steps: {
          scale: { system: "images" },
          keep: { system: "storage", after: ["scale"], policy: { timeoutMs: 10_000 } },
        },
      },
      "photos/share": {
        perMinute: 30,
        steps: { link: { system: "links" } },
      },
    },
    systems: {
      images: { react: ({ draw }) => ({ ms: draw.lognormal(500, 2_000) }) },
      links: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      storage: {
        react: ({ draw, minute }) =>
          minute >= began && minute < back
            ? {
              ms: draw.lognormal(150, 900),
              failure: { class: "thrown", code: "http_503", message: "Service Unavailable" },
            }
            : { ms: draw.lognormal(200, 900) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["dependency_down"], steps: ["keep"] },
    },
  };
});
