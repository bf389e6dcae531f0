/** Placement: what each step of the main path waits for, by the order in which steps are named. */

import type { Condition } from "./conditions.ts";
import type { Piece } from "./pieces.ts";
import { type PlannedStep, reaches } from "./planned_step.ts";

/** Steps, and which of them the next one waits for. */
export class Placement {
  readonly steps: PlannedStep[] = [];
  /** What the next step waits for. */
  frontier: readonly PlannedStep[] = [];
  /** The step that was named last. */
  previous: PlannedStep | undefined;
  /** What is named next may belong before this. */
  insertBefore: PlannedStep | undefined;
  #group: { readonly id: number; readonly parents: readonly PlannedStep[] } | undefined;
  #always: readonly Condition[] | undefined;

  /** `onCycle` is called with two steps each of which is to come before the other. */
  constructor(private readonly onCycle: (from: PlannedStep, to: PlannedStep) => void) {}

  /** Adds a step that waits for nothing yet. */
  register(step: PlannedStep): void {
    if (!this.steps.includes(step)) this.steps.push(step);
    this.previous = step;
  }

  /** Adds a step after what was named before, or after `after`, as its words say. */
  inOrder(piece: Piece, step: PlannedStep, after?: readonly PlannedStep[]): void {
    const main = this.steps.filter((one) => one.branch === undefined);
    if (piece.join === "first" && main.length > 0) {
      for (const one of main) if (one.parents.size === 0) one.parents.add(step);
      this.steps.push(step);
      return;
    }
    if (piece.group !== undefined) {
      if (this.#group?.id !== piece.group) {
        this.#group = { id: piece.group, parents: after ?? this.frontier };
        this.frontier = [];
      }
      join(step, this.#group.parents);
      this.frontier = [...this.frontier, step];
    } else if (piece.join === "parallel" && this.previous !== undefined) {
      join(step, [...this.previous.parents]);
      this.frontier = [...this.frontier, step];
    } else {
      this.#group = undefined;
      join(step, after ?? (piece.join === "last" ? this.leaves() : this.frontier));
      this.frontier = [step];
    }
    this.register(step);
  }

  /** Puts a step between another one and what that waited for. */
  before(next: PlannedStep, step: PlannedStep, piece: Piece): void {
    if (this.steps.includes(step)) this.connect(step, next);
    else {
      join(step, [...next.parents]);
      next.parents.clear();
      next.parents.add(step);
      if (this.frontier.length === 0) this.frontier = [next];
    }
    this.register(step);
    this.insertBefore = piece.group === undefined ? next : undefined;
  }

  /** Adds a step that runs however the others ended. */
  always(piece: Piece, step: PlannedStep): void {
    const isNext = this.#always === piece.conditions && piece.join === "then";
    join(step, isNext ? this.frontier : this.ends());
    if (!isNext) step.when = "always";
    this.#always = piece.conditions;
    this.register(step);
    this.frontier = [step];
  }

  /** Lets a step that is there wait for another one. */
  connect(from: PlannedStep, to: PlannedStep): void {
    if (from === to || reaches(to, from)) this.onCycle(from, to);
    else to.parents.add(from);
  }

  /** Steps of the main path that nothing of it waits for. */
  leaves(): readonly PlannedStep[] {
    const main = this.steps.filter(({ branch }) => branch === undefined);
    const waited = new Set(main.flatMap(({ parents }) => [...parents]));
    return main.filter((step) => !waited.has(step));
  }

  /** The same of all paths. */
  ends(): readonly PlannedStep[] {
    const waited = new Set(this.steps.flatMap(({ parents }) => [...parents]));
    return this.steps.filter((step) => !waited.has(step));
  }
}

function join(step: PlannedStep, parents: readonly PlannedStep[]): void {
  for (const parent of parents) if (parent !== step) step.parents.add(parent);
}
