import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const factor = draw.between(7, 10);
  const isNew = (minute: number) => minute >= 16 && minute < 66;
  return {
    about: "a new version of a workflow asks for pages eight times as large, until it is withdrawn",
    minutes: 78,
    workflows: {
      "crm/sync": {
        perMinute: 30,
        version: (minute) => isNew(minute) ? "4.2.0" : "4.1.0",
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 4] },
        steps: {
          list: { system: "accounts" },
          pull: { system: "contacts", after: ["list"], policy: { timeoutMs: 3_000 } },
          merge: { system: "store", after: ["pull"] },
        },
      },
    },
    systems: {
      accounts: { react: ({ draw }) => ({ ms: draw.lognormal(90, 300) }) },
      contacts: {
        losesLate: true,
        react: ({ draw, task }) => ({
          ms: draw.lognormal(700, 1_500) * (task.version === "4.2.0" ? factor : 1),
        }),
      },
      store: { react: ({ draw }) => ({ ms: draw.lognormal(110, 350) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 90_000 },
      // The system is well, and so is each task by itself: the release asks for more.
      forbidden: ["eject_instance", "quarantine_task", "switch_system"],
      diagnosis: {
        failureType: ["deploy_regression", "timeout", "latency_shift"],
        steps: ["pull"],
      },
    },
  };
});
