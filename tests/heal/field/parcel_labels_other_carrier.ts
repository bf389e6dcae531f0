import { scenario } from "tasker/simulation";

// A dependency is down, and another system has the same capability.
export default scenario((draw) => {
  const start = draw.whole(13, 18),
    end = start + draw.whole(38, 52),
    answers = draw.between(0, 0.1);
  return {
    about: "the routing service is away; a second one can route as well, only slower",
    minutes: 78,
    workflows: {
      "courier/dispatch": {
        perMinute: draw.whole(20, 50),
        heal: { tier: "T0", timeoutMs: [1_000, 20_000], attemptsMax: [1, 4] },
        steps: {
          address: { system: "addresses" },
          route: {
            system: "router_main",
            after: ["address"],
            policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } },
          },
          label: { system: "labels", after: ["address"] },
          hand: { system: "depot", after: ["route", "label"] },
        },
      },
    },
    systems: {
      addresses: { react: ({ draw }) => ({ ms: draw.lognormal(70, 300) }) },
      router_main: {
        instances: 2,
        react: ({ draw, minute }) =>
          minute >= start && minute < end && !draw.chance(answers)
            ? {
              ms: draw.between(30, 200),
              failure: { class: "thrown", code: "http_502", message: "bad gateway" },
            }
            : { ms: draw.lognormal(250, 900) },
      },
      router_spare: {
        offers: ["router_main.route"],
        react: ({ draw }) => ({ ms: draw.lognormal(900, 2_600) }),
      },
      labels: { react: ({ draw }) => ({ ms: draw.lognormal(110, 400) }) },
      depot: { react: ({ draw }) => ({ ms: draw.lognormal(60, 250) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // it is away at once and for all: no time-out helps, and no parcel is at fault
      forbidden: ["set_timeout", "quarantine_task"],
      diagnosis: { failureType: ["dependency_down"], steps: ["route"] },
    },
  };
});
