import { scenario } from "tasker/simulation";

export default scenario((draw) => {
  const extra = draw.between(125, 140);
  const isHere = (minute: number) => minute >= 12 && minute < 62;
  return {
    about: "one large shipper announces its parcels for the season and triples the load",
    minutes: 76,
    workflows: {
      "parcel/announce": {
        perMinute: (minute) => 60 + (isHere(minute) ? extra : 0),
        task: ({ draw, minute }) =>
          isHere(minute) && draw.chance(extra / (60 + extra))
            ? { priority: 4, tags: ["shipper:megamart"] }
            : { priority: 2, tags: [draw.pick(["shipper:fern", "shipper:oak", "shipper:elm"])] },
        heal: { tier: "T1", timeoutMs: [10_000, 60_000], attemptsMax: [1, 6] },
        steps: {
          verify: { system: "addresses" },
          rate: {
            system: "rating",
            after: ["verify"],
            policy: { timeoutMs: 20_000, retry: { attemptsMax: 5 } },
          },
          announce: { system: "hub", after: ["rate"] },
        },
      },
    },
    systems: {
      addresses: { react: ({ draw }) => ({ ms: draw.lognormal(45, 150) }) },
      rating: {
        instances: 3,
        capacity: { workers: 3 },
        losesLate: true,
        react: ({ draw }) => ({ ms: draw.lognormal(3_800, 8_000) }),
      },
      hub: { react: ({ draw }) => ({ ms: draw.lognormal(100, 350) }) },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 60_000, of: ({ priority }) => priority <= 3 },
      // Every worker is needed, and the parcels of the large shipper are as good as others.
      forbidden: ["eject_instance", "quarantine_task", "switch_system"],
      diagnosis: { failureType: ["overload", "timeout"], steps: ["rate"] },
    },
  };
});
