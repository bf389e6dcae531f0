import { scenario } from "tasker/simulation";

// A good deploy: worker after worker gets the new build, then the workflow its new version; all is well.
export default scenario((draw) => {
  const start = draw.whole(25, 35), gap = draw.between(1, 2.5), better = draw.between(0.85, 1.1);
  const old = Array.from(
    { length: 4 },
    (_, index) => [`b6-${index + 1}`, { untilMinute: start + gap * index + 0.3 }] as const,
  );
  const fresh = Array.from(
    { length: 4 },
    (_, index) => [`b7-${index + 1}`, { fromMinute: start + gap * index }] as const,
  );
  return {
    about: "a good build reaches one worker after another, and a good version follows",
    minutes: 80,
    workflows: {
      "museum/ticket": {
        perMinute: draw.whole(40, 90),
        version: (minute: number) => minute < start + 15 ? "5.0.2" : "5.1.0",
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 4] },
        steps: {
          hold: { system: "halls", policy: { timeoutMs: 6_000, retry: { attemptsMax: 3 } } },
          pay: { system: "till", after: ["hold"] },
          send: { system: "mailer", after: ["pay"] },
        },
      },
    },
    systems: {
      halls: {
        instances: Object.fromEntries([...old, ...fresh]),
        react: ({ draw, instance }) => ({
          ms: draw.lognormal(400, 1_500) * (instance.startsWith("b7") ? better : 1),
        }),
      },
      till: { react: ({ draw }) => ({ ms: draw.lognormal(250, 900) }) },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(80, 400) }) },
    },
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
