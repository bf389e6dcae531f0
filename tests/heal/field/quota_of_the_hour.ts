import { scenario } from "tasker/simulation";

/**
 * A provider counts by full hours and gives no time to come again; a backfill spends in minutes what
 * the app needs for all of it.
 */
export default scenario((draw) => {
  const perHour = draw.whole(900, 1_000);
  const backfill = draw.between(160, 190);
  let hour = 0;
  let used = 0;
  let atMinute = -1;
  const isSpent = (minute: number) => {
    const now = Math.floor(minute / 60);
    if (now !== hour) used = 0;
    hour = now;
    // Calls of one instant count once: the bench asks many at a time, to find what is wrong when.
    if (minute !== atMinute) used++;
    atMinute = minute;
    return used > perHour;
  };
  return {
    about: "a backfill spends the hourly quota of geocoding that the app lives on",
    minutes: 120,
    workflows: {
      "app/locate": {
        perMinute: 12,
        task: () => ({ priority: 1 }),
        steps: {
          geocode: { system: "geocoder", policy: { timeoutMs: 5_000, onExhausted: "fail" } },
          nearby: { system: "places", after: ["geocode"] },
        },
        heal: { tier: "T0" },
      },
      "import/addresses": {
        perMinute: (minute) => minute >= 16 ? backfill : 0,
        task: () => ({ priority: 5 }),
        steps: {
          clean: { system: "cleaner" },
          geocode: { system: "geocoder", after: ["clean"], policy: { timeoutMs: 5_000 } },
        },
        heal: { tier: "T0" },
      },
    },
    systems: {
      geocoder: {
        react: ({ draw, minute }) => {
          if (!isSpent(minute)) return { ms: draw.lognormal(110, 380) };
          const message = "403 Forbidden: hourly quota exceeded, it is reset at the full hour";
          return { ms: 30, failure: { code: "quota_exceeded", message, retryable: true } };
        },
      },
      places: { react: ({ draw }) => ({ ms: draw.lognormal(60, 220) }) },
      cleaner: { instances: 2, react: ({ draw }) => ({ ms: draw.lognormal(20, 70) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000, of: ({ workflow }) => workflow === "app/locate" },
      // A spent quota is no matter of time: the wait of a request and the worker change nothing.
      forbidden: ["set_timeout", "eject_instance"],
      diagnosis: { failureType: ["rate_limit"], steps: ["geocode"] },
    },
  };
});
