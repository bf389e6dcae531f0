import { scenario } from "tasker/simulation";

// Some partitions of a topic lose their leader, are elected anew, and lose it again.
export default scenario((draw) => {
  const start = draw.between(15, 20), end = start + draw.between(45, 60);
  const away = draw.between(2.5, 4), period = away + draw.between(1.5, 2.5);
  const bad = draw.whole(4, 6);
  return {
    about: "some of twelve partitions have no leader for minutes, again and again",
    minutes: 90,
    workflows: {
      "iot/ingest": {
        perMinute: draw.whole(60, 200),
        heal: { tier: "T1", timeoutMs: [200, 20_000], attemptsMax: [1, 8] },
        task: ({ number }) => ({
          input: { partition: number % 12 },
          tags: [`partition:${number % 12}`],
        }),
        steps: {
          decode: { system: "decoder" },
          publish: {
            system: "stream",
            after: ["decode"],
            policy: { timeoutMs: 500, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      decoder: { instances: 4, react: ({ draw }) => ({ ms: draw.lognormal(8, 30) }) },
      stream: {
        react: ({ draw, minute, task }) =>
          minute >= start && minute < end && (task.input.partition as number) < bad &&
            (minute - start) % period < away
            ? {
              ms: draw.between(4, 20),
              failure: {
                class: "thrown",
                code: "NOT_LEADER_OR_FOLLOWER",
                message: `Kafka: partition readings-${task.input.partition} has no leader`,
              },
            }
            : { ms: draw.lognormal(12, 60) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 300_000 },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["bus", "partial_endpoint", "flapping"], steps: ["publish"] },
    },
  };
});
