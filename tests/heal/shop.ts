/** The shop: the ordinary life of a workflow, in which a scenario breaks one thing. */

import type {
  Call,
  Reaction,
  Scenario,
  ScenarioFailure,
  ScenarioStep,
  ScenarioSystem,
  ScenarioWorkflow,
  Wanted,
} from "tasker/simulation";

/** What healing may do by itself in a shop. */
const HEAL = { tier: "T1", timeoutMs: [500, 30_000], attemptsMax: [1, 8] } as const;

/** When what a scenario breaks is broken: long after the first statistics, and long enough to heal. */
export function isFaulty(minute: number): boolean {
  return minute >= 15 && minute < 65;
}

/** Answers as a healthy service does: about 100 ms, one in 300 breaks. */
export function healthy({ draw }: Call): Reaction {
  return draw.chance(1 / 300)
    ? { ms: 50, failure: { class: "thrown", code: "http_503", message: "503 try again" } }
    : { ms: draw.lognormal(100, 400) };
}

/** Answers as a healthy service does, except in the fault: as `broken` says. */
export function during(broken: (call: Call) => Reaction): (call: Call) => Reaction {
  return (call) => isFaulty(call.minute) ? broken(call) : healthy(call);
}

/** Fails after a short time. */
export function fails(failure: ScenarioFailure): Reaction {
  return { ms: 40, failure };
}

/** A scenario of the shop: orders are reserved, charged and shipped, each by another system. */
export function shop(
  {
    about,
    minutes = 80,
    perMinute = 60,
    charge = {},
    payments,
    systems = {},
    workflows,
    task,
    version,
    ...of
  }: {
    readonly about: string;
    readonly minutes?: number;
    readonly perMinute?: ScenarioWorkflow["perMinute"];
    readonly charge?: ScenarioStep["policy"];
    readonly payments: ScenarioSystem;
    readonly systems?: Scenario["systems"];
    readonly workflows?: Scenario["workflows"];
    readonly task?: ScenarioWorkflow["task"];
    readonly version?: ScenarioWorkflow["version"];
    readonly wanted: Wanted;
  } & Pick<Scenario, "clockJumps">,
): Scenario {
  return {
    ...of,
    about,
    minutes,
    workflows: {
      "shop/order": {
        perMinute,
        heal: HEAL,
        ...(task !== undefined && { task }),
        ...(version !== undefined && { version }),
        steps: {
          reserve: { system: "stock" },
          charge: {
            system: "payments",
            after: ["reserve"],
            policy: { timeoutMs: 5_000, ...charge },
          },
          ship: { system: "parcels", after: ["charge"] },
        },
      },
      ...workflows,
    },
    systems: { stock: { react: healthy }, payments, parcels: { react: healthy }, ...systems },
  };
}

/** Most orders complete within a time. */
export function within(seconds: number, of?: Wanted["slo"]["of"]): Wanted["slo"] {
  return { success: 0.95, withinMs: seconds * 1_000, ...(of !== undefined && { of }) };
}
