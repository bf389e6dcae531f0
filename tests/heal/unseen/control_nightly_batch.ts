import { scenario } from "tasker/simulation";

/** A nightly batch fills its queue and empties it, as is meant: it has half an hour for that. */
export default scenario((draw) => {
  const begins = draw.whole(20, 30);
  return {
    about: "control: a batch waits in its own queue for minutes, well within its half hour",
    minutes: 90,
    workflows: {
      "bank/statement": {
        perMinute: (minute) => minute >= begins && minute < begins + 5 ? 120 : 4,
        task: () => ({ priority: 4 }),
        steps: {
          render: {
            system: "renderer",
            policy: { timeoutMs: 1_200_000, retry: { attemptsMax: 2 } },
          },
        },
      },
    },
    systems: {
      renderer: {
        capacity: { workers: 10 },
        react: ({ draw }) => ({ ms: draw.lognormal(8_000, 16_000) }),
      },
    },
    wanted: { slo: { success: 0.95, withinMs: 1_800_000 }, isControl: true },
  };
});
