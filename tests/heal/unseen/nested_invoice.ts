import { scenario } from "tasker/simulation";

/** A few invoices with entities within entities keep a parser busy for a minute, attempt by attempt. */
export default scenario((draw) => {
  const began = draw.whole(10, 14);
  const share = draw.between(0.05, 0.06);
  return {
    about: "a few nested invoices use up the parsers, because each is tried eight times",
    minutes: 70,
    workflows: {
      "accounts/invoice": {
        perMinute: 30,
        task: ({ draw, minute }) => ({
          input: { nested: minute >= began && draw.chance(share) },
        }),
        steps: {
          parse: {
            system: "parsers",
            policy: { timeoutMs: 65_000, retry: { attemptsMax: 8 } },
          },
          post: { system: "books", after: ["parse"] },
        },
      },
    },
    systems: {
      parsers: {
        capacity: { workers: 6 },
        react: ({ draw, task }) =>
          task.input.nested === true
            ? {
              ms: 58_000,
              failure: { class: "thrown", code: "out_of_memory", message: "heap limit reached" },
            }
            : { ms: draw.lognormal(700, 2_000) },
      },
      books: { react: ({ draw }) => ({ ms: draw.lognormal(100, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: ({ input }) => input.nested !== true },
      forbidden: ["set_timeout", "eject_instance", "switch_system"],
      diagnosis: { failureType: ["poison", "data_quality"], steps: ["parse"] },
    },
  };
});
