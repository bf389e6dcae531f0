import { scenario } from "tasker/simulation";

/**
 * A ledger elects a leader again and again; what the old one had in hand is never answered, and clients
 * with old connections still ask it for minutes. Two tasks in a hundred are large.
 */
export default scenario((draw) => {
  const everyMinutes = draw.between(6, 8);
  const staleMinutes = draw.between(3, 4);
  const share = draw.between(0.4, 0.65);
  const isElecting = (minute: number) =>
    minute >= 15 && minute < 85 && (minute - 15) % everyMinutes < staleMinutes;
  return {
    about: "elections of a ledger's leader lose what is in flight, and the time-out is long",
    minutes: 100,
    workflows: {
      "bank/settle": {
        perMinute: 24,
        steps: {
          reserve: { system: "accounts" },
          post: {
            system: "ledger",
            after: ["reserve"],
            policy: { timeoutMs: 480_000, retry: { attemptsMax: 3 } },
          },
          notify: { system: "mailer", after: ["post"] },
        },
        heal: { tier: "T1", timeoutMs: [15_000, 600_000], attemptsMax: [2, 5] },
      },
    },
    systems: {
      accounts: { react: ({ draw }) => ({ ms: draw.lognormal(60, 250) }) },
      ledger: {
        losesLate: true,
        react: ({ draw, minute }) => {
          const ms = draw.chance(0.02) ? draw.between(5_000, 12_000) : draw.lognormal(400, 1_500);
          return isElecting(minute) && draw.chance(share) ? undefined : { ms };
        },
      },
      mailer: { react: ({ draw }) => ({ ms: draw.lognormal(90, 400) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 240_000 },
      // The ledger works between elections: stopping it, or what starts, is the greater outage.
      forbidden: ["hold_system", "pause_starts", "eject_instance", "park_and_notify"],
      diagnosis: { failureType: ["timeout", "flapping", "ambiguous_side_effect"], steps: ["post"] },
    },
  };
});
