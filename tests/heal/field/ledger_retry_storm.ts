import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const surge = draw.between(290, 330);
  return {
    about:
      "eight minutes of double load; then attempts repeated at once keep the ledger overloaded",
    minutes: 80,
    workflows: {
      "bank/posting": {
        perMinute: (minute) => minute >= 15 && minute < 23 ? surge : 120,
        task: ({ draw }) => ({ priority: draw.chance(0.55) ? 4 : 2 }),
        heal: { tier: "T1", timeoutMs: [4_000, 60_000], attemptsMax: [1, 8] },
        steps: {
          check: { system: "accounts" },
          post: {
            system: "ledger",
            after: ["check"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 6, backoff: "none" } },
          },
        },
      },
    },
    systems: {
      accounts: { react: ({ draw }) => ({ ms: draw.lognormal(40, 150) }) },
      ledger: {
        capacity: { workers: 6 },
        losesLate: true,
        react: ({ draw }) => ({ ms: draw.lognormal(2_100, 4_500) }),
      },
    },
    wanted: {
      slo: { success: 0.9, withinMs: 60_000, of: ({ priority }) => priority <= 3 },
      // The ledger works as fast as ever: it needs less work, and no posting is at fault.
      forbidden: ["eject_instance", "switch_system", "quarantine_task"],
      diagnosis: { failureType: ["overload", "timeout"], steps: ["post"] },
    },
  };
});
