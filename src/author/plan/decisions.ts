/** Decisions: steps that find out whether a value lets a task go on. Pure. */

import type { Condition } from "./conditions.ts";
import { gateFor, wayOut } from "./gates.ts";
import type { Piece } from "./pieces.ts";
import { FailureBranch, newStep, type PlannedStep } from "./planned_step.ts";

/** Characters of a condition that a placeholder quotes. */
const QUOTED_LENGTH_MAX = 200;

/** Keeps the decision that later pieces (`otherwise …`) are about. */
export class Decisions {
  /** Values that end the task there, or let it go on. */
  readonly #ways = new Map<readonly Condition[], "stop" | "continue">();
  #of: readonly Condition[] | undefined;
  #step: PlannedStep | undefined;
  /** What is done when the task stops; undefined: nothing stops it. */
  branch: FailureBranch | undefined;

  constructor(pieces: readonly Piece[]) {
    for (const { text, conditions } of pieces) {
      const way = wayOut(text);
      if (way !== undefined && conditions[0]?.kind === "value") this.#ways.set(conditions, way);
    }
  }

  /** The step that decided last; undefined: none did, or it is not about that any more. */
  get step(): PlannedStep | undefined {
    return this.#step;
  }

  /** Whether the task stops if the condition holds. */
  get isStop(): boolean {
    return this.branch !== undefined;
  }

  /** Whether the task ends by a condition, one way or the other. */
  endsBy(conditions: readonly Condition[]): boolean {
    return this.#ways.has(conditions);
  }

  /** Whether a piece says only that the task stops, or goes on. */
  isWayOut({ text, conditions }: Piece): boolean {
    return this.#ways.has(conditions) && wayOut(text) !== undefined;
  }

  isMade(conditions: readonly Condition[]): boolean {
    return this.#of === conditions;
  }

  /** Nobody knows where the step comes: nothing is done by it. */
  drop(): void {
    this.#step = undefined;
    this.branch = undefined;
  }

  /** What follows is about something else. */
  forget(): void {
    this.#step = undefined;
  }

  /**
   * Makes the step that decides: a transform that fails, if the task is to end by a value that is known;
   * else a placeholder, which somebody has to write.
   */
  make(
    text: string,
    { conditions }: Piece,
    { clause, ...where }:
      & { readonly clause: number }
      & Omit<Parameters<typeof gateFor>[1], "isStop">,
  ): PlannedStep {
    const way = this.#ways.get(conditions);
    const isStop = way === "stop";
    const gate = way && gateFor(text, { isStop, ...where });
    const word = /^unless\b/i.test(text) ? "" : isStop ? "if " : "only if ";
    const rule = `${isStop ? "stops" : "goes on"} ${word}${text}`;
    const step = newStep(gate === undefined ? "todo" : "transform", {
      text: gate === undefined ? `decide: ${text}` : `${rule}; a task that stops has failed`,
      clause,
    });
    if (gate !== undefined) step.gate = gate;
    else {
      const [good, bad] = isStop ? ["fails", "completes"] : ["completes", "fails"];
      step.todo = `Decide: ${
        text.slice(0, QUOTED_LENGTH_MAX)
      }. The step ${good} if so, and ${bad} if not`;
    }
    this.#of = conditions;
    this.#step = step;
    this.branch = isStop ? new FailureBranch([step], { kind: "failed", of: text }) : undefined;
    return step;
  }
}
