import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const deaf = draw.between(0.6, 0.9);
  const isSick = (minute: number) => minute >= 10 && minute < 60;
  return {
    about: "one of four label workers takes most of its attempts and never answers them",
    minutes: 72,
    workflows: {
      "warehouse/pack": {
        perMinute: 60,
        heal: { tier: "T1", timeoutMs: [3_000, 60_000], attemptsMax: [1, 4] },
        steps: {
          pick: { system: "shelves" },
          label: { system: "labels", after: ["pick"], policy: { timeoutMs: 25_000 } },
          manifest: { system: "shelves", after: ["label"] },
        },
      },
    },
    systems: {
      shelves: { react: ({ draw }) => ({ ms: draw.lognormal(120, 400) }) },
      labels: {
        instances: { "label-a": {}, "label-b": {}, "label-c": {}, "label-d": {} },
        react: ({ draw, minute, instance }) =>
          instance === "label-c" && isSick(minute) && draw.chance(deaf)
            ? undefined
            : { ms: draw.lognormal(700, 2_000) },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 20_000 },
      // Three workers are well and have room: no parcel needs to wait, and none is at fault.
      forbidden: ["pause_starts", "quarantine_task", "hold_system", "open_circuit"],
      diagnosis: { failureType: ["worker_local", "timeout"], steps: ["label"] },
    },
  };
});
