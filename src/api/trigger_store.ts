/** Where triggers are kept: as a policy overlay for each namespace, with every version and its author. */

import { OWN_NAMESPACE } from "../core/incident.ts";
import type { Policies, PolicyOverlay, Runtime } from "../core/ports.ts";
import { type Trigger, TRIGGERS_SIZE_MAX, triggersName, triggersOf } from "../core/trigger.ts";
import { badRequest } from "./handler.ts";

/** Triggers are read again after this long, so another node learns this late of a change. */
const FRESH_MS = 2_000;

/** The triggers of one namespace, and the version of their overlay. */
interface Kept {
  readonly version: number;
  readonly triggers: ReadonlyMap<string, Trigger>;
}

const NONE: Kept = { version: 0, triggers: new Map() };

/** Reads triggers and puts them. */
export class TriggerStore {
  #read: { readonly kept: ReturnType<TriggerStore["fresh"]>; readonly untilMs: number } | undefined;

  constructor(
    private readonly deps: {
      readonly policies: Policies;
      readonly runtime: Pick<Runtime, "monotonic">;
    },
  ) {}

  /**
   * The triggers of a namespace, as they were at most FRESH_MS ago.
   *
   * Cost: one query for all that ask within that time.
   *
   * @throws {TaskerError} journal.unavailable
   */
  async recent(namespace: string): Promise<Kept["triggers"]> {
    const nowMs = this.deps.runtime.monotonic();
    if (this.#read === undefined || this.#read.untilMs <= nowMs) {
      const read = { kept: this.fresh(), untilMs: nowMs + FRESH_MS };
      this.#read = read;
      read.kept.catch(() => {
        if (this.#read === read) this.#read = undefined;
      });
    }
    return ((await this.#read.kept).get(namespace) ?? NONE).triggers;
  }

  /** All triggers by namespace, as they are now. */
  async fresh(): Promise<ReadonlyMap<string, Kept>> {
    return triggersOf(await this.deps.policies.newest());
  }

  /**
   * Puts what `change` makes of the triggers of a namespace.
   *
   * @throws {TaskerError} policy.conflict when somebody else has changed them since
   */
  async change(
    namespace: string,
    about: { readonly by: string; readonly reason: string; readonly atMs: number },
    change: (triggers: Kept["triggers"]) => Kept["triggers"],
  ): Promise<void> {
    const { version, triggers } = (await this.fresh()).get(namespace) ?? NONE;
    const next = [...change(triggers)].toSorted(([one], [other]) => one < other ? -1 : 1);
    // An overlay holds any values by name; these are read by `triggersOf` alone.
    const steps = Object.fromEntries(next) as unknown as PolicyOverlay["steps"];
    const size = JSON.stringify(steps).length;
    if (size > TRIGGERS_SIZE_MAX) {
      throw badRequest(
        `Cannot keep the triggers of "${namespace}": together they would have ${size} characters, ` +
          `at most ${TRIGGERS_SIZE_MAX} are kept`,
      );
    }
    try {
      await this.deps.policies.put(
        OWN_NAMESPACE,
        triggersName(namespace),
        { ...about, steps },
        version,
      );
    } finally {
      this.#read = undefined;
    }
  }
}
