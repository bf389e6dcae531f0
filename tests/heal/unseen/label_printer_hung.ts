import { scenario } from "tasker/simulation";

/** One of three label servers accepts connections and never answers: a lock in its driver. */
export default scenario((draw) => {
  const began = draw.whole(11, 16);
  const hung = draw.pick(["north", "south", "east"]);
  return {
    about: "one of three label servers of a parcel hub takes work and never answers",
    minutes: 70,
    workflows: {
      "parcels/dispatch": {
        perMinute: 45,
        steps: {
          route: { system: "planner" },
          label: { system: "labels", after: ["route"], policy: { timeoutMs: 20_000 } },
        },
      },
    },
    systems: {
      planner: { react: ({ draw }) => ({ ms: draw.lognormal(120, 500) }) },
      labels: {
        instances: { north: {}, south: {}, east: {} },
        react: ({ draw, minute, instance }) =>
          minute >= began && instance === hung ? undefined : { ms: draw.lognormal(600, 1_800) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 15_000 },
      forbidden: ["pause_starts", "limit_system", "hold_system", "quarantine_task"],
      diagnosis: { failureType: ["worker_local", "timeout"], steps: ["label"] },
    },
  };
});
