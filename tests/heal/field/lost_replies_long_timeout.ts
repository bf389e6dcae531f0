import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const share = draw.between(0.12, 0.2);
  const isLossy = (minute: number) => minute >= 12 && minute < 62;
  return {
    about: "some replies of the hotels are lost on the way, and are waited for much too long",
    minutes: 75,
    workflows: {
      "hotel/reserve": {
        perMinute: 50,
        heal: { tier: "T1", timeoutMs: [5_000, 150_000], attemptsMax: [1, 4] },
        steps: {
          search: { system: "rooms" },
          book: { system: "hotels", after: ["search"], policy: { timeoutMs: 120_000 } },
          confirm: { system: "mail", after: ["book"] },
        },
      },
    },
    systems: {
      rooms: { react: ({ draw }) => ({ ms: draw.lognormal(130, 400) }) },
      hotels: {
        react: ({ draw, minute }) =>
          isLossy(minute) && draw.chance(share) ? undefined : { ms: draw.lognormal(800, 2_500) },
      },
      mail: { react: ({ draw }) => ({ ms: draw.lognormal(90, 350) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 45_000 },
      // Most guests are served as ever: nobody is to be kept from booking.
      forbidden: ["pause_starts", "eject_instance", "quarantine_task", "hold_system"],
      diagnosis: {
        failureType: ["timeout", "bus", "partial_endpoint", "ambiguous_side_effect"],
        steps: ["book"],
      },
    },
  };
});
