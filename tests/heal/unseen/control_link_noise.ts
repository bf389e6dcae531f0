import { scenario } from "tasker/simulation";

/** A link over the radio loses a few answers in a hundred, as it always has: retries are for that. */
export default scenario((draw) => {
  const loss = draw.between(0.03, 0.05);
  return {
    about: "control: a radio link loses a few attempts in a hundred, and retries make up for it",
    minutes: 90,
    workflows: {
      "farm/irrigate": {
        perMinute: 15,
        steps: {
          measure: {
            system: "sensors",
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 5 } },
          },
          open: { system: "valves", after: ["measure"] },
        },
      },
    },
    systems: {
      sensors: {
        instances: 3,
        react: ({ draw }) =>
          draw.chance(loss)
            ? {
              ms: 300,
              failure: { class: "thrown", code: "crc_mismatch", message: "frame was damaged" },
            }
            : { ms: draw.lognormal(900, 3_000) },
      },
      valves: { react: ({ draw }) => ({ ms: draw.lognormal(600, 1_500) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
