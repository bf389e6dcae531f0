/** The start gate: holds starts back while a workflow's policy asks for it, before they are answered. */

import type { StartTask } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";
import type { PolicyOverlay, Runtime } from "../src/core/ports.ts";
import {
  heldBackMs,
  newStartBudget,
  PRIORITY,
  type StartBudget,
  type StartLever,
} from "../src/core/starts.ts";

/** What holds starts of one workflow back, and what this node may still let through. */
interface HeldWorkflow {
  readonly lever: StartLever;
  readonly budget: StartBudget;
}

/**
 * The start gate of one node.
 *
 * A start that is held back was not acknowledged: its sender has it, and comes again. Nothing of it is
 * kept, so 1,000,000 held starts cost no memory. Cost: one look-up in a map that is empty while no
 * workflow's starts are held back.
 */
export class StartGate {
  #held: ReadonlyMap<string, HeldWorkflow> = new Map();
  /** Starts that were held back since the node began, by workflow. */
  readonly heldBack = new Map<string, number>();
  /** The part of a rate that this node has: 1 divided by the number of nodes. */
  share = 1;

  constructor(readonly runtime: Pick<Runtime, "now" | "random">) {}

  /** Takes the newest overlays, keyed `namespace/name`. A budget goes on while its lever is the same. */
  renew(overlays: ReadonlyMap<string, PolicyOverlay>): void {
    const nowMs = this.runtime.now();
    this.#held = new Map(
      [...overlays].flatMap(([workflow, { starts: lever }]): [string, HeldWorkflow][] => {
        if (lever === undefined || lever.untilMs <= nowMs) return [];
        const known = this.#held.get(workflow);
        const isSame = known !== undefined && known.lever.ratePerS === lever.ratePerS;
        const fresh = () => newStartBudget((lever.ratePerS ?? 0) * this.share, nowMs);
        return [[workflow, { lever, budget: isSame ? known.budget : fresh() }]];
      }),
    );
  }

  /** Why a start may not begin now; undefined: it may, and counts. */
  refusalOf({ workflow, priority = PRIORITY.default }: StartTask): TaskerError | undefined {
    const held = this.#held.get(workflow);
    if (held === undefined) return undefined;
    const { runtime, share } = this;
    const retryAfterMs = heldBackMs(held.lever, {
      priority,
      budget: held.budget,
      share,
      nowMs: runtime.now(),
      random: runtime.random(),
    });
    if (retryAfterMs === undefined) return undefined;
    this.heldBack.set(workflow, (this.heldBack.get(workflow) ?? 0) + 1);
    const until = new Date(held.lever.untilMs).toISOString();
    return new TaskerError(
      "workflow.starts_held",
      `Cannot start a task of "${workflow}" with priority ${priority} now: its policy holds such ` +
        `starts back until ${until} at the latest`,
      { retryAfterMs },
    );
  }
}
