import { scenario } from "tasker/simulation";

/**
 * A disk that is slow and not broken: its node answers every write, late, and health checks only read.
 * Source: Gunawi et al., "Fail-slow at scale", FAST 2018.
 */
export default scenario((draw) => {
  const slow = `store-${draw.whole(1, 5)}`;
  const factor = draw.between(250, 450);
  const isSlow = (minute: number) => minute >= 16 && minute < 81;
  return {
    about: "writes to one of five store nodes take many seconds, reads are as ever",
    minutes: 95,
    workflows: {
      "orders/place": {
        perMinute: 55,
        steps: {
          read: { system: "store", policy: { timeoutMs: 60_000 } },
          write: { system: "store", after: ["read"], policy: { timeoutMs: 60_000 } },
          confirm: { system: "mailer", after: ["write"] },
        },
        heal: { tier: "T1", timeoutMs: [5_000, 60_000], attemptsMax: [2, 4] },
      },
      "orders/look-up": {
        perMinute: 120,
        steps: { find: { system: "store", policy: { timeoutMs: 60_000 } } },
        heal: { tier: "T1" },
      },
    },
    systems: {
      store: {
        instances: 5,
        react: ({ draw, minute, step, instance }) => {
          const isHit = isSlow(minute) && step === "write" && instance === slow;
          return { ms: draw.lognormal(45, 180) * (isHit ? factor : 1) };
        },
      },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(90, 500) }) },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 8_000,
        of: ({ workflow }) => workflow === "orders/place",
      },
      // Four nodes can take the load: no order may be refused or wait for it.
      forbidden: ["pause_starts", "hold_system", "park_and_notify", "limit_system"],
      diagnosis: { failureType: ["worker_local", "storage", "latency_shift"], steps: ["write"] },
    },
  };
});
