import { scenario } from "tasker/simulation";

/** The key for a translation service expires; a second one is declared, and has a key of its own. */
export default scenario((draw) => {
  const expired = draw.whole(12, 20);
  return {
    about: "a key for translations expires, while another service could do the work",
    minutes: 70,
    workflows: {
      "support/ticket": {
        perMinute: 18,
        task: ({ draw }) => ({ tags: [draw.share({ "lang:pt": 5, "lang:ja": 2, "lang:fi": 1 })] }),
        steps: {
          translate: { system: "lingua", event: "text.translate" },
          assign: { system: "desk", after: ["translate"] },
        },
      },
    },
    systems: {
      lingua: {
        offers: ["text.translate"],
        react: ({ draw, minute }) =>
          minute < expired ? { ms: draw.lognormal(600, 2_000) } : {
            ms: draw.lognormal(60, 150),
            failure: { code: "http_401", message: "API key expired" },
          },
      },
      polyglot: {
        offers: ["text.translate"],
        react: ({ draw }) => ({ ms: draw.lognormal(1_400, 4_500) }),
      },
      desk: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "set_retry", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["auth"], steps: ["translate"] },
    },
  };
});
