import { scenario } from "tasker/simulation";

// Bad deploy of a worker: a roll-out stops after two of nine; the new build lacks a library.
export default scenario((draw) => {
  const start = draw.whole(14, 18),
    end = start + draw.whole(42, 56),
    rate = draw.between(0.55, 0.95);
  const count = draw.whole(8, 11);
  const names = Array.from(
    { length: count },
    (_, index) => [`pack-c41-${index + 1}`, index < 2 ? { untilMinute: start } : {}] as const,
  );
  return {
    about: "two workers got a build in which packing mostly throws, and the roll-out stopped there",
    minutes: 84,
    workflows: {
      "media/bundle": {
        perMinute: draw.whole(50, 110),
        heal: { tier: "T1" }, // no bounds were given
        steps: {
          list: { system: "catalogue" },
          pack: {
            system: "packer",
            after: ["list"],
            policy: { timeoutMs: 10_000, retry: { attemptsMax: 1 } },
          },
          sign: { system: "signer", after: ["pack"] },
        },
      },
    },
    systems: {
      catalogue: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
      packer: {
        instances: {
          ...Object.fromEntries(names),
          "pack-d02-1": { fromMinute: start, untilMinute: end },
          "pack-d02-2": { fromMinute: start, untilMinute: end },
          "pack-c41-1b": { fromMinute: end },
          "pack-c41-2b": { fromMinute: end },
        },
        react: ({ draw, instance }) =>
          instance.startsWith("pack-d02") && draw.chance(rate)
            ? {
              ms: draw.between(20, 90),
              failure: {
                class: "thrown",
                code: "ImportError",
                message: "libzstd.so.1: cannot open shared object file",
              },
            }
            : { ms: draw.lognormal(700, 2_500) },
      },
      signer: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000 },
      // it fails at once, so no time-out helps; seven good workers have room for all, so nothing is held back
      forbidden: ["set_timeout", "pause_starts", "quarantine_task"],
      diagnosis: {
        failureType: ["deploy_regression", "worker_local", "partial_endpoint"],
        steps: ["pack"],
      },
    },
  };
});
