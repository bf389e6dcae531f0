import { scenario } from "tasker/simulation";

/**
 * A partial partition: one link of a bundle is bad, so a fixed share of the flows to some instances is
 * lost. Source: Alfatafta et al., "Toward a generic fault tolerance technique for partial network
 * partitioning", OSDI 2020.
 */
export default scenario((draw) => {
  const share = draw.between(0.55, 0.85);
  const first = draw.whole(1, 7);
  const behindLink = new Set([`catalog-${first}`, `catalog-${first + 1}`]);
  const isLost = (minute: number) => minute >= 14 && minute < 74;
  return {
    about: "a bad link loses most flows to two of eight catalogue instances for an hour",
    minutes: 90,
    workflows: {
      "store/page": {
        perMinute: 90,
        steps: {
          price: { system: "catalog", policy: { timeoutMs: 10_000 } },
          stock: { system: "catalog", policy: { timeoutMs: 10_000 } },
          images: { system: "catalog", policy: { timeoutMs: 10_000 } },
          compose: { system: "composer", after: ["price", "stock", "images"] },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 30_000], attemptsMax: [1, 4] },
      },
    },
    systems: {
      catalog: {
        instances: 8,
        react: ({ draw, minute, instance }) => {
          const ms = draw.lognormal(70, 350);
          return isLost(minute) && behindLink.has(instance) && draw.chance(share)
            ? undefined
            : { ms };
        },
      },
      composer: { instances: 3, react: ({ draw }) => ({ ms: draw.lognormal(120, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 8_000 },
      // Six of eight instances are healthy: nothing may stop or hold back what they can serve.
      forbidden: ["hold_system", "pause_starts"],
      diagnosis: {
        failureType: ["worker_local", "timeout"],
        steps: ["price", "stock", "images"],
      },
    },
  };
});
