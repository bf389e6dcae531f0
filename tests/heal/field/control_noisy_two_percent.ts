import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.015, 0.025), refused = draw.between(0.005, 0.01);
  return {
    about:
      "two percent of the calls fail and one in a hundred inputs is refused, as it has always been",
    minutes: 90,
    workflows: {
      "forms/submit": {
        perMinute: draw.whole(60, 160),
        heal: { tier: "T1", timeoutMs: [500, 20_000], attemptsMax: [1, 6] },
        steps: {
          check: { system: "checker", policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } } },
          save: { system: "store", after: ["check"] },
        },
      },
    },
    systems: {
      checker: {
        instances: 2,
        react: ({ draw }) =>
          draw.chance(share)
            ? {
              ms: draw.lognormal(50, 300),
              failure: { class: "thrown", code: "http_502", message: "502 Bad Gateway" },
            }
            : draw.chance(refused)
            ? { ms: 20, failure: { code: "invalid_postcode", message: "postcode is not known" } }
            : { ms: draw.lognormal(90, 400) },
      },
      store: { react: ({ draw }) => ({ ms: draw.lognormal(20, 80) }) },
    },
    wanted: { slo: { success: 0.9, withinMs: 60_000 }, isControl: true },
  };
});
