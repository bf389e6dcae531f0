import { scenario } from "tasker/simulation";

/**
 * A provider that counts by account: one merchant has a sale and comes close to its own rate, all others
 * are far below theirs. The provider does not say when to come again.
 */
export default scenario((draw) => {
  const sale = draw.between(50, 56);
  const isSale = (minute: number) => minute >= 14 && minute < 72;
  /** What an account may still ask for at once, and when that was counted. */
  const accounts = new Map<string, { left: number; minute: number }>();
  const isRefused = (account: string, minute: number) => {
    const was = accounts.get(account) ?? { left: 2, minute: -1 };
    // Calls of one instant count once: the bench asks many at a time, to find what is wrong when.
    if (was.minute === minute) return false;
    const left = Math.min(2, was.left + Math.max(0, minute - was.minute) * 60);
    accounts.set(account, { left: left < 1 ? left : left - 1, minute });
    return left < 1;
  };
  return {
    about: "one merchant in a sale is refused by the rate of its account at a provider",
    minutes: 90,
    workflows: {
      "pos/capture": {
        perMinute: (minute) => 40 + (isSale(minute) ? sale : 8),
        task: ({ draw, minute }) => {
          const own = isSale(minute) ? sale : 8;
          const isOwn = draw.chance(own / (own + 40));
          return { tags: [isOwn ? "merchant:lumen" : `merchant:m${draw.whole(1, 5)}`] };
        },
        steps: {
          capture: {
            system: "acquirer",
            policy: {
              timeoutMs: 8_000,
              retry: { attemptsMax: 3, backoff: "none", delayMsMin: 150 },
              onExhausted: "fail",
            },
          },
          receipt: { system: "printer", after: ["capture"] },
        },
        heal: { tier: "T1", attemptsMax: [1, 8] },
      },
    },
    systems: {
      acquirer: {
        react: ({ draw, minute, task: { tags: [merchant = ""] } }) => {
          if (!isRefused(merchant, minute)) return { ms: draw.lognormal(250, 700) };
          const message = "429 Too Many Requests: rate of this account exceeded";
          return { ms: 15, failure: { code: "account_rate", message, retryable: true } };
        },
      },
      printer: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(70, 300) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000 },
      // The five other merchants are far below their rates: they may not pay for one.
      forbidden: ["limit_system", "hold_system", "pause_starts", "set_timeout"],
      diagnosis: { failureType: ["rate_limit"], steps: ["capture"] },
    },
  };
});
