import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const otherMs = draw.between(1_200, 1_800);
  const isDown = (minute: number) => minute >= 12 && minute < 62;
  return {
    about: "the tax service is away; a slower one with the same capability could take its work",
    minutes: 74,
    workflows: {
      "invoice/issue": {
        perMinute: 30,
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 6] },
        steps: {
          tax: { system: "tax", event: "tax.rate", policy: { timeoutMs: 10_000 } },
          render: { system: "documents", after: ["tax"] },
          send: { system: "mail", after: ["render"] },
          book: { system: "ledger", after: ["tax"] },
        },
      },
    },
    systems: {
      tax: {
        instances: 2,
        react: ({ draw, minute }) =>
          isDown(minute)
            ? {
              ms: draw.lognormal(8, 30),
              failure: { class: "thrown", code: "ECONNREFUSED", message: "connection refused" },
            }
            : { ms: draw.lognormal(120, 400) },
      },
      "tax-abroad": {
        offers: ["tax.rate"],
        capacity: { workers: 8 },
        react: ({ draw }) => ({ ms: draw.lognormal(otherMs, otherMs * 3) }),
      },
      documents: { react: ({ draw }) => ({ ms: draw.lognormal(350, 1_200) }) },
      mail: { react: ({ draw }) => ({ ms: draw.lognormal(100, 500) }) },
      ledger: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      // Nothing answers, so neither a time-out nor one worker nor one invoice is the reason.
      forbidden: ["set_timeout", "eject_instance", "quarantine_task"],
      diagnosis: { failureType: ["dependency_down"], steps: ["tax"] },
    },
  };
});
