import { scenario } from "tasker/simulation";

/** A tenant tries out its integration and always fails, as it has for weeks; it hurts nobody. */
export default scenario((draw) => {
  const share = draw.between(0.02, 0.035);
  return {
    about: "a tenant that tests its integration fails all the time, and only it",
    minutes: 90,
    workflows: {
      "edi/receive": {
        perMinute: 60,
        task: ({ draw }) => ({
          tags: [draw.chance(share) ? "tenant:trial" : `tenant:t${draw.whole(1, 9)}`],
        }),
        steps: {
          parse: { system: "parser", policy: { onExhausted: "fail" } },
          route: { system: "router", after: ["parse"] },
        },
        heal: { tier: "T1", timeoutMs: [1_000, 60_000], attemptsMax: [1, 5] },
      },
    },
    systems: {
      parser: {
        instances: 3,
        react: ({ draw, task }) => {
          const ms = draw.lognormal(80, 300);
          if (!task.tags.includes("tenant:trial")) return { ms };
          const message = "Segment UNB is missing";
          return { ms, failure: { code: "invalid_document", message } };
        },
      },
      router: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000, of: ({ tags }) => !tags.includes("tenant:trial") },
      isControl: true,
    },
  };
});
