import { scenario } from "tasker/simulation";

// A configuration push writes the host name of staging; it is reverted much later.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(30, 45);
  return {
    about:
      "a configuration push points a system at a host that does not exist; another has the capability",
    minutes: 75,
    workflows: {
      "ship/label": {
        perMinute: draw.whole(20, 70),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          weigh: { system: "scale" },
          label: {
            system: "carrier",
            event: "carrier.label",
            after: ["weigh"],
            policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      scale: { react: ({ draw }) => ({ ms: draw.lognormal(20, 80) }) },
      carrier: {
        instances: 2,
        react: ({ draw, minute }) =>
          minute >= start && minute < end
            ? {
              ms: draw.between(3, 12),
              failure: {
                class: "thrown",
                code: "ENOTFOUND",
                message:
                  "getaddrinfo ENOTFOUND carrier.staging.invalid (CARRIER_URL from config revision 8841)",
              },
            }
            : { ms: draw.lognormal(250, 900) },
      },
      carrier_two: {
        offers: ["carrier.label"],
        react: ({ draw }) => ({ ms: draw.lognormal(500, 1_500) }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["config", "dependency_down"], steps: ["label"] },
    },
  };
});
