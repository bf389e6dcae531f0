import { scenario } from "tasker/simulation";

// Some documents send the parser into an endless loop that its watchdog ends after a minute.
export default scenario((draw) => {
  const start = draw.between(14, 20), end = start + draw.between(40, 50);
  const share = draw.between(0.018, 0.026), loopMs = draw.between(50_000, 70_000);
  const perMinute = draw.whole(70, 110);
  return {
    about: "one document in fifty holds a parser for a minute at each of its attempts",
    minutes: 80,
    workflows: {
      "docs/ingest": {
        perMinute,
        heal: { tier: "T1", timeoutMs: [2_000, 60_000], attemptsMax: [1, 6] },
        task: ({ draw, minute }) => ({
          input: {
            pages: draw.whole(1, 40),
            isBomb: minute >= start && minute < end && draw.chance(share),
          },
        }),
        steps: {
          download: { system: "bucket" },
          parse: {
            system: "parser",
            after: ["download"],
            policy: { timeoutMs: 15_000, retry: { attemptsMax: 5 } },
          },
          index: { system: "index", after: ["parse"] },
        },
      },
    },
    systems: {
      bucket: { react: ({ draw }) => ({ ms: draw.lognormal(60, 250) }) },
      parser: {
        instances: 2,
        capacity: { workers: 3 },
        losesLate: true,
        react: ({ draw, task }) =>
          task.input.isBomb === true
            ? {
              ms: loopMs,
              failure: { class: "thrown", code: "watchdog", message: "parser killed by watchdog" },
            }
            : { ms: draw.lognormal(700, 2_000) },
      },
      index: { react: ({ draw }) => ({ ms: draw.lognormal(40, 160) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["poison"], steps: ["parse"] },
    },
  };
});
