import { scenario } from "tasker/simulation";

/** One customer's feed has prices that cannot be read; its tasks are tried often and crowd out others. */
export default scenario((draw) => {
  const began = draw.whole(12, 18);
  const grocers = draw.between(0.28, 0.34);
  return {
    about: "one grocer's unreadable prices are tried ten times each, and others have to wait",
    minutes: 80,
    workflows: {
      "catalogue/import": {
        perMinute: 60,
        task: ({ draw }) => ({
          tags: [
            draw.chance(grocers) ? "tenant:grocer" : draw.pick(["tenant:toys", "tenant:books"]),
          ],
        }),
        steps: {
          fetch: { system: "feeds" },
          convert: {
            system: "converter",
            after: ["fetch"],
            policy: { retry: { attemptsMax: 10, backoff: "linear" } },
          },
        },
      },
    },
    systems: {
      feeds: { react: ({ draw }) => ({ ms: draw.lognormal(400, 1_600) }) },
      converter: {
        capacity: { workers: 5, dropsAbandoned: true },
        react: ({ draw, task, minute }) =>
          minute >= began && task.tags.includes("tenant:grocer")
            ? {
              ms: draw.lognormal(3_000, 5_000),
              failure: { code: "bad_price", message: "price is not a number", retryable: true },
            }
            : { ms: draw.lognormal(1_200, 3_500) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: ({ tags }) => !tags.includes("tenant:grocer") },
      forbidden: ["set_timeout", "eject_instance", "switch_system"],
      diagnosis: { failureType: ["data_quality", "poison", "validation"], steps: ["convert"] },
    },
  };
});
