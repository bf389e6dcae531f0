import { scenario } from "tasker/simulation";

/** A share of the requests for loans is refused, which is what the check is for. */
export default scenario((draw) => {
  const refused = draw.between(0.06, 0.09);
  return {
    about: "control: some requests for loans are refused, as business has it",
    minutes: 80,
    workflows: {
      "credit/loan": {
        perMinute: 30,
        task: ({ draw }) => ({ tags: [draw.share({ "branch:web": 3, "branch:town": 1 })] }),
        steps: {
          score: { system: "bureau", policy: { onExhausted: "fail", timeoutMs: 10_000 } },
          offer: { system: "offers", after: ["score"] },
        },
      },
    },
    systems: {
      bureau: {
        react: ({ draw }) =>
          draw.chance(refused)
            ? {
              ms: draw.lognormal(500, 1_500),
              failure: { code: "refused", message: "score is below the limit" },
            }
            : { ms: draw.lognormal(700, 2_500) },
      },
      offers: { react: ({ draw }) => ({ ms: draw.lognormal(150, 600) }) },
    },
    wanted: { slo: { success: 0.7, withinMs: 60_000 }, isControl: true },
  };
});
