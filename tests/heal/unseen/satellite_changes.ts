import { scenario } from "tasker/simulation";

/** Between two satellites a ship has no link for half a minute, and two quick attempts are all it has. */
export default scenario((draw) => {
  const began = draw.whole(10, 15);
  const period = draw.between(1.6, 1.9);
  return {
    about: "a ship's link is gone for half a minute whenever it changes to another satellite",
    minutes: 90,
    workflows: {
      "fleet/report": {
        perMinute: 25,
        heal: { tier: "T1", attemptsMax: [1, 8] },
        steps: {
          send: {
            system: "uplink",
            policy: { timeoutMs: 12_000, retry: { attemptsMax: 2, delayMsMin: 1_000 } },
          },
          file: { system: "office", after: ["send"] },
        },
      },
    },
    systems: {
      uplink: {
        react: ({ draw, minute }) =>
          minute >= began && (minute - began) % period < 0.45
            ? {
              ms: 900,
              failure: { class: "thrown", code: "ENETUNREACH", message: "network is unreachable" },
            }
            : { ms: draw.lognormal(1_800, 4_500) },
      },
      office: { react: ({ draw }) => ({ ms: draw.lognormal(100, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 240_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["flapping", "dependency_down"], steps: ["send"] },
    },
  };
});
