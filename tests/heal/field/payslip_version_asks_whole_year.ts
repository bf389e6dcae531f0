import { scenario } from "tasker/simulation";

// Bad deploy of a workflow version: 2.4.0 asks for a whole year where 2.3.1 asked for a month.
export default scenario((draw) => {
  const start = draw.whole(14, 19), end = start + draw.whole(40, 52);
  const ms = draw.between(5_200, 7_200);
  return {
    about: "a new version of the payslip workflow asks for more than its time-out allows",
    minutes: 80,
    workflows: {
      "payroll/payslip": {
        perMinute: draw.whole(25, 60),
        version: (minute: number) => minute < start ? "2.3.1" : minute < end ? "2.4.0" : "2.4.1",
        heal: { tier: "T1", timeoutMs: [1_000, 40_000], attemptsMax: [1, 4] },
        steps: {
          hours: { system: "timesheets", policy: { timeoutMs: 5_000, retry: { attemptsMax: 2 } } },
          tax: { system: "tax_tables" },
          slip: { system: "documents", after: ["hours", "tax"] },
        },
      },
    },
    systems: {
      timesheets: {
        instances: 3,
        capacity: { workers: 12 },
        losesLate: true,
        react: ({ draw, task }) =>
          task.version === "2.4.0"
            ? { ms: draw.lognormal(ms, ms * 1.4) }
            : { ms: draw.lognormal(450, 1_600) },
      },
      tax_tables: { react: ({ draw }) => ({ ms: draw.lognormal(60, 250) }) },
      documents: { react: ({ draw }) => ({ ms: draw.lognormal(350, 1_300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // the instances are well, and payslips set aside are not paid
      forbidden: ["eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["deploy_regression", "timeout"], steps: ["hours"] },
    },
  };
});
