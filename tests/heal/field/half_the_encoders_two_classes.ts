import { scenario } from "tasker/simulation";

// Half capacity, two priorities: calls of the hotline and the archive share the speech engines.
export default scenario((draw) => {
  const start = draw.whole(14, 18), end = start + draw.whole(40, 50);
  const calls = draw.whole(14, 20), archive = draw.whole(44, 56);
  const ms = 7_000, full = Math.ceil((calls + archive) / 60 * (ms / 1_000) / 0.7 / 2) * 2;
  return {
    about: "half of the speech engines are gone; calls wait behind the archive",
    minutes: 78,
    workflows: {
      "speech/transcript": {
        perMinute: calls + archive,
        heal: { tier: "T1", timeoutMs: [10_000, 240_000], attemptsMax: [1, 3] },
        task: ({ draw }) =>
          draw.chance(calls / (calls + archive))
            ? { priority: 1, tags: ["class:call"] }
            : { priority: 5, tags: ["class:archive"] },
        steps: {
          transcribe: {
            system: "engines",
            policy: { timeoutMs: 120_000, retry: { attemptsMax: 2 } },
          },
          index: { system: "search", after: ["transcribe"] },
        },
      },
    },
    systems: {
      engines: {
        capacity: {
          workers: (minute: number) => minute >= start && minute < end ? full / 2 : full,
        },
        react: ({ draw }) => ({ ms: draw.lognormal(ms * 0.95, ms * 1.8) }),
      },
      search: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000, of: (task) => task.tags.includes("class:call") },
      // the engines are full: more attempts add load where there is none to spare; no recording is at fault
      forbidden: ["set_retry", "quarantine_task"],
      diagnosis: {
        failureType: ["overload", "resource", "timeout"],
        steps: ["transcribe"],
      },
    },
  };
});
