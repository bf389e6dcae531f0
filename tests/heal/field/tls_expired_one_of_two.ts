import { scenario } from "tasker/simulation";

// A certificate was renewed on one of two load balancer nodes only.
export default scenario((draw) => {
  const start = draw.between(14, 22), end = start + draw.between(35, 50);
  const sick = draw.pick(["edge-a", "edge-b"]);
  const failure = {
    class: "thrown",
    code: "CERT_HAS_EXPIRED",
    message: "TLS handshake with edge.tax.example failed: certificate has expired",
  } as const;
  return {
    about: "one of two endpoints of the tax service presents an expired certificate",
    minutes: 85,
    workflows: {
      "billing/invoice": {
        perMinute: draw.whole(30, 70),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 8] },
        steps: {
          collect: { system: "ledger" },
          rate: {
            system: "tax",
            after: ["collect"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 2 } },
          },
          render: { system: "pdf", after: ["rate"] },
        },
      },
    },
    systems: {
      ledger: { react: ({ draw }) => ({ ms: draw.lognormal(40, 150) }) },
      tax: {
        instances: { "edge-a": {}, "edge-b": {} },
        react: ({ draw, minute, instance }) =>
          minute >= start && minute < end && instance === sick
            ? { ms: draw.between(8, 25), failure }
            : { ms: draw.lognormal(120, 500) },
      },
      pdf: { instances: 3, react: ({ draw }) => ({ ms: draw.lognormal(600, 1_800) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["partial_endpoint", "worker_local", "auth"], steps: ["rate"] },
    },
  };
});
