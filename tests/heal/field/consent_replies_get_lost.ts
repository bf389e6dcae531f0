import { scenario } from "tasker/simulation";

// Lost replies: the register does what it is asked, but a middlebox drops part of the answers.
export default scenario((draw) => {
  const start = draw.whole(13, 18),
    end = start + draw.whole(40, 55),
    lost = draw.between(0.12, 0.3);
  return {
    about: "a middlebox drops part of the answers of the consent register",
    minutes: 80,
    workflows: {
      "study/enrol": {
        perMinute: draw.whole(18, 40),
        heal: { tier: "T1", timeoutMs: [1_500, 60_000], attemptsMax: [1, 6] },
        steps: {
          consent: {
            system: "register",
            policy: { timeoutMs: 45_000, retry: { attemptsMax: 4, delayMsMin: 300 } },
          },
          kit: { system: "depot", after: ["consent"] },
          mail: { system: "mailer", after: ["consent"] },
        },
      },
    },
    systems: {
      register: {
        losesLate: true,
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(lost)
            ? undefined
            : { ms: draw.lognormal(350, 1_400) },
      },
      depot: { react: ({ draw }) => ({ ms: draw.lognormal(120, 500) }) },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(90, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 30_000 },
      // three in four are answered at once: to hold all back, or to set persons aside, harms the well ones
      forbidden: ["pause_starts", "quarantine_task"],
      diagnosis: {
        failureType: ["timeout", "worker_local", "partial_endpoint"],
        steps: ["consent"],
      },
    },
  };
});
