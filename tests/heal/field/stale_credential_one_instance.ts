import { scenario } from "tasker/simulation";

// Keys were rotated; one instance missed the reload and signs with the old one.
export default scenario((draw) => {
  const start = draw.between(14, 22), end = start + draw.between(35, 50);
  const workers = draw.whole(4, 10), sick = `signer-${draw.whole(1, workers)}`;
  return {
    about: "after a rotation of keys one instance still signs with the old key",
    minutes: 80,
    workflows: {
      "docs/sign": {
        perMinute: draw.whole(40, 120),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          hash: { system: "hasher" },
          sign: {
            system: "signer",
            after: ["hash"],
            policy: { timeoutMs: 5_000, retry: { attemptsMax: 3 } },
          },
          archive: { system: "archive", after: ["sign"] },
        },
      },
    },
    systems: {
      hasher: { react: ({ draw }) => ({ ms: draw.lognormal(15, 40) }) },
      signer: {
        instances: workers,
        react: ({ draw, minute, instance }) =>
          minute >= start && minute < end && instance === sick
            ? {
              ms: draw.between(20, 60),
              failure: {
                code: "invalid_signature_key",
                message: "401 Unauthorized: key id 2026-07 has been revoked",
                retryable: false,
              },
            }
            : { ms: draw.lognormal(180, 600) },
      },
      archive: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(60, 240) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout"],
      diagnosis: { failureType: ["auth", "worker_local", "partial_endpoint"], steps: ["sign"] },
    },
  };
});
