/** The policy book: which policy each step is under now, and its version. */

import type { Context } from "../src/core/decision.ts";
import type { Plan } from "../src/core/plan.ts";
import { type FullPolicy, policyUnder } from "../src/core/policy.ts";
import type { PolicyOverlay } from "../src/core/ports.ts";

interface Page {
  readonly version: number;
  readonly policies: readonly FullPolicy[];
}

/** Definitions' policies with the newest overlay of each workflow laid over them. */
export class EffectivePolicies {
  #overlays: ReadonlyMap<string, PolicyOverlay> = new Map();
  readonly #pages = new Map<string, Page>();

  /** Takes new overlays, keyed `namespace/name`. Running attempts keep what they started under. */
  renew(overlays: ReadonlyMap<string, PolicyOverlay>): boolean {
    const isSame = overlays.size === this.#overlays.size &&
      [...overlays].every(([name, { version }]) => this.#overlays.get(name)?.version === version);
    if (isSame) return false;
    this.#overlays = overlays;
    this.#pages.clear();
    return true;
  }

  /** Returns what a decision at `nowMs` may look at. Cost: O(1) once a plan's page is made. */
  contextOf(plan: Plan, nowMs: number): Context {
    const page = this.#pages.get(plan.hash) ?? this.#makePage(plan);
    return {
      plan,
      nowMs,
      policyVersion: page.version,
      policyOf: (step) => page.policies[step] as FullPolicy,
    };
  }

  #makePage(plan: Plan): Page {
    const overlay = this.#overlays.get(plan.workflow);
    const policies = plan.steps.map(({ definition }) => policyUnder(definition, overlay?.steps));
    const page = { version: overlay?.version ?? 0, policies };
    this.#pages.set(plan.hash, page);
    return page;
  }
}
