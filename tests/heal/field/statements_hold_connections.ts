import { scenario } from "tasker/simulation";

/**
 * A new version of a rare workflow asks four queries at once without an index; its connections are those
 * that transfers need. Nobody has said what healing may do.
 */
export default scenario((draw) => {
  const statements = draw.between(15, 19);
  const [queryMsMin, queryMsMax] = [draw.between(28_000, 34_000), draw.between(40_000, 48_000)];
  const isNew = (minute: number) => minute >= 15 && minute < 65;
  const query = { system: "ledger-db", policy: { timeoutMs: 120_000, retry: { attemptsMax: 2 } } };
  const short = {
    timeoutMs: 2_000,
    retry: { attemptsMax: 3, delayMsMin: 200, delayMsMax: 2_000 },
    onExhausted: "fail",
  } as const;
  return {
    about: "a deploy of statements takes all connections of the database from transfers",
    minutes: 85,
    workflows: {
      "pay/transfer": {
        perMinute: 90,
        task: () => ({ priority: 1 }),
        steps: {
          debit: { system: "ledger-db", policy: short },
          credit: { system: "ledger-db", after: ["debit"], policy: short },
        },
      },
      "pay/statement": {
        perMinute: statements,
        task: () => ({ priority: 4 }),
        version: (minute) => isNew(minute) ? "2.0.0" : "1.4.0",
        steps: {
          balances: query,
          fees: query,
          interest: query,
          entries: query,
          print: { system: "printer", after: ["balances", "fees", "interest", "entries"] },
        },
      },
    },
    systems: {
      "ledger-db": {
        capacity: { workers: 30, dropsAbandoned: true },
        react: ({ draw, task }) => ({
          ms: task.version === "2.0.0"
            ? draw.between(queryMsMin, queryMsMax)
            : draw.lognormal(60, 240),
        }),
      },
      printer: { react: ({ draw }) => ({ ms: draw.lognormal(300, 900) }) },
    },
    wanted: {
      slo: { success: 0.97, withinMs: 15_000, of: ({ workflow }) => workflow === "pay/transfer" },
      // Longer waits for a connection help no transfer; and without the database nothing works.
      forbidden: ["set_timeout", "hold_system", "eject_instance"],
      diagnosis: {
        failureType: ["deploy_regression", "overload", "resource", "timeout"],
        steps: ["debit", "credit", "balances", "fees", "interest", "entries"],
      },
    },
  };
});
