import { scenario } from "tasker/simulation";

// A host's clock is set wrong by a broken time server; tokens are not valid yet for who checks them.
export default scenario((draw) => {
  const start = draw.whole(15, 20), end = start + draw.whole(30, 45);
  const ms = draw.whole(4, 9) * 60_000, share = draw.between(0.5, 0.9);
  return {
    about:
      "the time of day jumps ahead for half an hour, and tokens are refused as issued in the future",
    minutes: 80,
    clockJumps: [{ minute: start, ms }, { minute: end, ms: -ms }],
    workflows: {
      "partner/export": {
        perMinute: draw.whole(30, 90),
        heal: { tier: "T1", timeoutMs: [1_000, 20_000], attemptsMax: [1, 6] },
        steps: {
          select: { system: "db" },
          upload: {
            system: "partner",
            after: ["select"],
            policy: { timeoutMs: 8_000, retry: { attemptsMax: 3 } },
          },
        },
      },
    },
    systems: {
      db: { react: ({ draw }) => ({ ms: draw.lognormal(60, 200) }) },
      partner: {
        react: ({ draw, minute }) =>
          minute >= start && minute < end && draw.chance(share)
            ? {
              ms: 45,
              failure: {
                code: "token_not_yet_valid",
                message: `401 invalid_grant: iat is ${ms / 1_000} s in the future, check the clock`,
                retryable: false,
              },
            }
            : { ms: draw.lognormal(350, 1_100) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      forbidden: ["set_timeout", "set_retry", "eject_instance"],
      diagnosis: { failureType: ["clock", "auth"], steps: ["upload"] },
    },
  };
});
