import { scenario } from "tasker/simulation";

/** The time of day is set forward and back; nothing depends on it. */
export default scenario((draw) => {
  const forward = draw.whole(5, 20) * 60_000;
  return {
    about: "control: the clock is set forward by minutes, and later back",
    minutes: 70,
    workflows: {
      "hotel/stay": {
        perMinute: 20,
        steps: {
          room: { system: "rooms", policy: { timeoutMs: 10_000 } },
          key: { system: "locks", after: ["room"] },
        },
      },
    },
    systems: {
      rooms: { react: ({ draw }) => ({ ms: draw.lognormal(500, 2_000) }) },
      locks: { react: ({ draw }) => ({ ms: draw.lognormal(200, 800) }) },
    },
    clockJumps: [{ minute: 25, ms: forward }, { minute: 45, ms: -forward }],
    wanted: { slo: { success: 0.95, withinMs: 60_000 }, isControl: true },
  };
});
