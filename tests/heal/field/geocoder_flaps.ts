import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const cycleS = draw.between(95, 125);
  const downS = draw.between(60, 75);
  const isDown = (minute: number) =>
    minute >= 12 && minute < 62 && (minute - 12) * 60 % cycleS < downS;
  return {
    about: "the geocoder is away for a good minute, back for less than one, and away again",
    minutes: 75,
    workflows: {
      "delivery/address": {
        perMinute: 45,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [2, 12] },
        steps: {
          locate: { system: "geocoder", policy: { timeoutMs: 5_000 } },
          assign: { system: "fleet", after: ["locate"] },
          notify: { system: "push", after: ["assign"] },
        },
      },
    },
    systems: {
      geocoder: {
        react: ({ draw, minute }) =>
          isDown(minute)
            ? {
              ms: draw.lognormal(30, 90),
              failure: { class: "thrown", code: "http_503", message: "no healthy upstream" },
            }
            : { ms: draw.lognormal(180, 600) },
      },
      fleet: { react: ({ draw }) => ({ ms: draw.lognormal(60, 200) }) },
      push: { react: ({ draw }) => ({ ms: draw.lognormal(90, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 360_000 },
      // Refusals come at once, so no time-out is at fault, and neither are addresses.
      forbidden: ["set_timeout", "quarantine_task", "eject_instance"],
      diagnosis: { failureType: ["flapping", "dependency_down"], steps: ["locate"] },
    },
  };
});
