import { scenario } from "tasker/simulation";

// Poison input that is retried: some drawings end a parser after most of a minute, six times each.
export default scenario((draw) => {
  const start = draw.whole(14, 18),
    end = start + draw.whole(42, 55),
    share = draw.between(0.07, 0.11);
  return {
    about: "drawings with a broken layer end the parser, are tried again, and hold up all others",
    minutes: 82,
    workflows: {
      "building/permit": {
        perMinute: draw.whole(20, 26),
        heal: { tier: "T1", timeoutMs: [5_000, 120_000], attemptsMax: [1, 6] },
        task: ({ draw, minute }) => {
          const isBroken = minute >= start && minute < end && draw.chance(share);
          return {
            input: { layers: isBroken ? -1 : draw.whole(1, 12) },
            tags: [isBroken ? "cad:r9" : draw.share({ "cad:r12": 3, "cad:r14": 2 })],
          };
        },
        steps: {
          parse: { system: "parser", policy: { timeoutMs: 90_000, retry: { attemptsMax: 6 } } },
          rules: { system: "rulebook", after: ["parse"] },
        },
      },
    },
    systems: {
      parser: {
        instances: 2,
        capacity: { workers: 2 },
        react: ({ draw, task }) =>
          task.tags.includes("cad:r9")
            ? {
              ms: draw.between(35_000, 50_000),
              failure: {
                class: "thrown",
                code: "SIGSEGV",
                message: "parser ended: segmentation fault",
              },
            }
            : { ms: draw.lognormal(900, 3_000) },
      },
      rulebook: { react: ({ draw }) => ({ ms: draw.lognormal(200, 700) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: (task) => !task.tags.includes("cad:r9") },
      // every parser ends on them: without one of them the rest has less room still
      forbidden: ["switch_system", "eject_instance"],
      diagnosis: {
        failureType: ["poison", "data_quality", "overload"],
        steps: ["parse"],
      },
    },
  };
});
