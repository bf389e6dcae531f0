import { scenario } from "tasker/simulation";

// A release leaks: each process slows as its heap fills, is killed (OOM), and starts anew.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(45, 60);
  const workers = draw.whole(4, 8), life = draw.between(9, 14), worst = draw.between(14, 22);
  const failure = {
    class: "thrown",
    code: "ECONNREFUSED",
    message: "connect ECONNREFUSED: worker is restarting after OOMKilled (exit 137)",
  } as const;
  return {
    about: "workers leak memory, slow down, are killed and come back",
    minutes: 95,
    workflows: {
      "media/caption": {
        perMinute: draw.whole(40, 90),
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 6] },
        steps: {
          fetch: { system: "store" },
          caption: {
            system: "captions",
            after: ["fetch"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      store: { react: ({ draw }) => ({ ms: draw.lognormal(70, 300) }) },
      captions: {
        instances: workers,
        react: ({ draw, minute, instance }) => {
          const ms = draw.lognormal(700, 1_700);
          if (minute < start || minute >= end) return { ms };
          const index = Number(instance.split("-")[1]);
          const age = (minute - start + index * life / workers * 0.3) % life;
          if (minute - start > life && age < 0.7) return { ms: 12, failure };
          return { ms: ms * (1 + (worst - 1) * (age / life) ** 2) };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 40_000 },
      diagnosis: {
        failureType: ["resource", "worker_local", "latency_shift", "deploy_regression"],
        steps: ["caption"],
      },
    },
  };
});
