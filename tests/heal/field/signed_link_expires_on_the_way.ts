import { scenario } from "tasker/simulation";

/**
 * A link is signed first and valid for a minute; then a scanner becomes slow, and the download two steps
 * on is refused. No policy makes a link valid again: the right answer is to report the scanner.
 */
export default scenario((draw) => {
  const factor = draw.between(22, 35);
  const isSlow = (minute: number) => minute >= 14 && minute < 66;
  return {
    about: "a slow scanner lets signed links expire before they are used",
    minutes: 80,
    workflows: {
      "media/ingest": {
        perMinute: 30,
        steps: {
          sign: { system: "links" },
          scan: { system: "scanner", after: ["sign"], policy: { timeoutMs: 600_000 } },
          download: {
            system: "storage",
            after: ["scan"],
            policy: { timeoutMs: 30_000, onExhausted: "fail" },
          },
          publish: { system: "links", after: ["download"] },
        },
        heal: { tier: "T1" },
      },
    },
    systems: {
      links: { react: ({ draw }) => ({ ms: draw.lognormal(30, 100) }) },
      scanner: {
        instances: 6,
        react: ({ draw, minute }) => ({
          ms: draw.lognormal(3_500, 6_500) * (isSlow(minute) ? factor : 1),
        }),
      },
      storage: {
        react: ({ draw, minute, task }) => {
          if (minute - task.minute <= 1) return { ms: draw.lognormal(400, 1_600) };
          const message = "403 Forbidden: request has expired";
          return { ms: 40, failure: { code: "link_expired", message } };
        },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 120_000 },
      // An expired link stays expired, and a scan that is cut off begins again from nothing.
      forbidden: ["set_retry", "set_timeout", "eject_instance", "hold_system", "pause_starts"],
      diagnosis: { failureType: ["latency_shift", "auth", "timeout"], steps: ["scan", "download"] },
    },
  };
});
