import { scenario } from "tasker/simulation";

// One tenant's bad data: its statements have a broken character set. The reconciler looks for long,
// says "invalid", is asked again four times, and the other tenants wait behind it.
export default scenario((draw) => {
  const start = draw.whole(13, 18), end = start + draw.whole(40, 55), share = draw.between(0.7, 1);
  return {
    about: "statements of one tenant cannot be read; they are tried again and crowd out all others",
    minutes: 80,
    workflows: {
      "bank/reconcile": {
        perMinute: draw.whole(30, 40),
        heal: { tier: "T1", timeoutMs: [2_000, 60_000], attemptsMax: [1, 5] },
        task: ({ draw }) => ({
          tags: [
            draw.share({
              "tenant:alder": 4,
              "tenant:birch": 3,
              "tenant:cedar": 2,
              "tenant:dogwood": 3,
            }),
          ],
        }),
        steps: {
          match: {
            system: "reconciler",
            policy: {
              timeoutMs: 40_000,
              retry: { attemptsMax: 5, delayMsMin: 500, delayMsMax: 5_000 },
            },
          },
          post: { system: "ledger", after: ["match"] },
        },
      },
    },
    systems: {
      reconciler: {
        capacity: { workers: 3 },
        react: ({ draw, task, minute }) =>
          task.tags.includes("tenant:dogwood") && minute >= start && minute < end &&
            draw.chance(share)
            ? {
              ms: draw.between(10_000, 14_000),
              failure: {
                code: "invalid_statement",
                message: "line 14: unexpected byte 0x92",
                retryable: true,
              },
            }
            : { ms: draw.lognormal(900, 2_800) },
      },
      ledger: { react: ({ draw }) => ({ ms: draw.lognormal(80, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: (task) => !task.tags.includes("tenant:dogwood") },
      // what fails is in the data: there is no other system that reads it, and no instance to blame
      forbidden: ["switch_system", "eject_instance"],
      diagnosis: {
        failureType: ["data_quality", "poison", "overload"],
        steps: ["match"],
      },
    },
  };
});
