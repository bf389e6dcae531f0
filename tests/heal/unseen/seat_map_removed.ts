import { scenario } from "tasker/simulation";

/** An airline switches off one operation of its interface; a reseller's has it too. */
export default scenario((draw) => {
  const began = draw.whole(12, 18);
  return {
    about: "one operation of an airline's interface is gone, and a reseller offers the same",
    minutes: 70,
    workflows: {
      "travel/booking": {
        perMinute: 22,
        steps: {
          quote: { system: "airline" },
          seats: { system: "airline", event: "seats.read", after: ["quote"] },
          book: { system: "airline", after: ["seats"], policy: { timeoutMs: 20_000 } },
        },
      },
    },
    systems: {
      airline: {
        offers: ["seats.read"],
        react: ({ draw, minute, step }) =>
          step === "seats" && minute >= began
            ? {
              ms: draw.lognormal(70, 200),
              failure: { class: "thrown", code: "http_410", message: "Gone: /v1/seatmaps" },
            }
            : { ms: draw.lognormal(800, 3_000) },
      },
      reseller: {
        offers: ["seats.read"],
        react: ({ draw }) => ({ ms: draw.lognormal(1_600, 5_000) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000 },
      forbidden: ["set_timeout", "eject_instance", "pause_starts", "limit_system"],
      diagnosis: { failureType: ["partial_endpoint"], steps: ["seats"] },
    },
  };
});
