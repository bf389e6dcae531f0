import { scenario } from "tasker/simulation";

/** After a migration, an insurers' clearing house answers in seconds where it took one. */
export default scenario((draw) => {
  const began = draw.whole(14, 18);
  const slow = draw.between(4_600, 5_200);
  return {
    about: "a clearing house for health insurance takes five times as long as before",
    minutes: 90,
    workflows: {
      "clinic/admission": {
        perMinute: 24,
        heal: { tier: "T1", timeoutMs: [1_000, 20_000] },
        steps: {
          register: { system: "records" },
          eligibility: {
            system: "clearing",
            after: ["register"],
            policy: { timeoutMs: 4_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      records: { react: ({ draw }) => ({ ms: draw.lognormal(60, 240) }) },
      clearing: {
        losesLate: true,
        react: ({ draw, minute }) => ({
          ms: minute < began ? draw.lognormal(900, 2_400) : draw.lognormal(slow, 7_400),
        }),
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["eject_instance", "pause_starts", "limit_system", "quarantine_task"],
      diagnosis: { failureType: ["latency_shift", "timeout"], steps: ["eligibility"] },
    },
  };
});
