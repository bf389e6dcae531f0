import { scenario } from "tasker/simulation";

/** A certificate of the meters' head end runs out; nothing else can read them. */
export default scenario((draw) => {
  const expired = draw.whole(20, 30);
  return {
    about: "a certificate runs out and no meter can be read until somebody renews it",
    minutes: 90,
    workflows: {
      "utility/reading": {
        perMinute: 15,
        steps: {
          read: {
            system: "headend",
            policy: { timeoutMs: 15_000, retry: { attemptsMax: 4, delayMsMin: 1_000 } },
          },
          bill: { system: "billing", after: ["read"] },
        },
      },
    },
    systems: {
      headend: {
        react: ({ draw, minute }) =>
          minute < expired ? { ms: draw.lognormal(2_000, 7_000) } : {
            ms: 25,
            failure: {
              class: "thrown",
              code: "CERT_HAS_EXPIRED",
              message: "tls: certificate has expired",
            },
          },
      },
      billing: { react: ({ draw }) => ({ ms: draw.lognormal(100, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      forbidden: ["set_timeout", "eject_instance", "limit_system", "quarantine_task"],
      diagnosis: { failureType: ["auth", "dependency_down"], steps: ["read"] },
    },
  };
});
