import { scenario } from "tasker/simulation";

/**
 * Head-of-line blocking: one receiver of webhooks takes connections and never answers, so that senders
 * hold them until the time-out and all other receivers wait.
 */
export default scenario((draw) => {
  const receiver = draw.between(0.16, 0.22);
  const isSilent = (minute: number) => minute >= 12 && minute < 68;
  return {
    about: "one receiver of webhooks never answers and holds the senders of all others",
    minutes: 80,
    workflows: {
      "hooks/deliver": {
        perMinute: 150,
        task: ({ draw }) => ({
          tags: [
            draw.chance(receiver) ? "receiver:acme" : `receiver:r${draw.whole(1, 14)}`,
          ],
        }),
        steps: {
          sign: { system: "signer" },
          post: {
            system: "sender",
            after: ["sign"],
            policy: {
              timeoutMs: 30_000,
              retry: { attemptsMax: 3, backoff: "linear", delayMsMin: 2_000 },
              onExhausted: "fail",
            },
          },
        },
        heal: { tier: "T1", timeoutMs: [2_000, 30_000], attemptsMax: [1, 5] },
      },
    },
    systems: {
      signer: { react: ({ draw }) => ({ ms: draw.lognormal(10, 40) }) },
      sender: {
        instances: 2,
        capacity: { workers: 11, dropsAbandoned: true },
        react: ({ draw, minute, task }) =>
          isSilent(minute) && task.tags.includes("receiver:acme")
            ? undefined
            : { ms: draw.lognormal(220, 900) },
      },
    },
    wanted: {
      slo: {
        success: 0.95,
        withinMs: 15_000,
        of: ({ tags }) => !tags.includes("receiver:acme"),
      },
      // Fourteen receivers are well: deliveries may not be stopped, and both senders are healthy.
      forbidden: ["hold_system", "eject_instance"],
      diagnosis: { failureType: ["timeout", "overload", "data_quality"], steps: ["post"] },
    },
  };
});
