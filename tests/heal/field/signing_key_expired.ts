import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const renewedAt = draw.between(44, 54);
  const isExpired = (minute: number) => minute >= 12 && minute < renewedAt;
  return {
    about:
      "a signing key expires and is renewed by people after half an hour; payouts have an hour",
    minutes: 70,
    workflows: {
      "payout/settle": {
        perMinute: 12,
        heal: { tier: "T0" },
        steps: {
          approve: { system: "limits" },
          sign: { system: "vault", after: ["approve"], policy: { timeoutMs: 5_000 } },
          transfer: { system: "bank", after: ["sign"] },
        },
      },
    },
    systems: {
      limits: { react: ({ draw }) => ({ ms: draw.lognormal(45, 160) }) },
      vault: {
        react: ({ draw, minute }) =>
          isExpired(minute)
            ? {
              ms: draw.lognormal(20, 60),
              failure: { code: "http_401", message: "signing key expired" },
            }
            : { ms: draw.lognormal(90, 300) },
      },
      bank: { react: ({ draw }) => ({ ms: draw.lognormal(600, 2_000) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 3_600_000 },
      // No time-out and no worker has to do with it, and each payout is as good as the others.
      forbidden: ["set_timeout", "eject_instance", "quarantine_task", "switch_system"],
      diagnosis: { failureType: ["auth", "config"], steps: ["sign"] },
    },
  };
});
