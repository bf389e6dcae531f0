import { scenario } from "tasker/simulation";

/** At the close, reports of the day swamp the ledger that late trades need too. */
export default scenario((draw) => {
  const close = draw.whole(15, 20);
  const reports = draw.between(420, 480);
  return {
    about: "reports at the close of a market swamp the ledger that trades are booked in",
    minutes: 80,
    workflows: {
      "exchange/trade": {
        perMinute: 100,
        task: () => ({ priority: 1 }),
        steps: { book: { system: "ledger", policy: { timeoutMs: 10_000 } } },
      },
      "exchange/report": {
        perMinute: (minute) => minute >= close && minute < close + 45 ? reports : 20,
        task: () => ({ priority: 5 }),
        steps: {
          read: {
            system: "ledger",
            policy: { timeoutMs: 30_000, retry: { attemptsMax: 6, delayMsMin: 2_000 } },
          },
        },
      },
    },
    systems: {
      ledger: {
        capacity: { workers: 6 },
        react: ({ draw, step }) => ({
          ms: step === "book" ? draw.lognormal(150, 500) : draw.lognormal(1_200, 2_600),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000, of: ({ workflow }) => workflow === "exchange/trade" },
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["overload"], steps: ["book", "read"] },
    },
  };
});
