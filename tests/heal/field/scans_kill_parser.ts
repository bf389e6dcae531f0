import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.06, 0.09);
  const isPoison = (number: number, minute: number) =>
    minute >= 10 && minute < 65 && number * 2_654_435_761 % 1_000 < share * 1_000;
  return {
    about:
      "some scans take a parser a minute until it runs out of memory, and are tried eight times",
    minutes: 78,
    workflows: {
      "radiology/import": {
        perMinute: 40,
        heal: { tier: "T1", timeoutMs: [20_000, 180_000], attemptsMax: [1, 8] },
        steps: {
          parse: {
            system: "parser",
            policy: { timeoutMs: 90_000, retry: { attemptsMax: 8, delayMsMax: 4_000 } },
          },
          store: { system: "images", after: ["parse"] },
        },
      },
    },
    systems: {
      parser: {
        instances: 3,
        capacity: { workers: 3 },
        react: ({ draw, task }) =>
          isPoison(task.number, task.minute)
            ? {
              ms: draw.between(40_000, 60_000),
              failure: {
                class: "thrown",
                code: "worker_killed",
                message: "parser exited with code 137: out of memory",
              },
            }
            : { ms: draw.lognormal(2_000, 5_000) },
      },
      images: { react: ({ draw }) => ({ ms: draw.lognormal(150, 500) }) },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 60_000,
        of: ({ number, minute }) => !isPoison(number, minute),
      },
      // Any parser dies of such a scan: with fewer of them the good scans wait even longer.
      forbidden: ["eject_instance", "switch_system"],
      diagnosis: { failureType: ["poison", "resource", "data_quality"], steps: ["parse"] },
    },
  };
});
