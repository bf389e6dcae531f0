/** Limits: what a step must be granted before it starts. Each has a line of steps that wait for it. */

import type { TaskId } from "../src/core/ids.ts";
import type { Cancel } from "../src/core/ports.ts";
import type { WaitReason } from "../src/core/rollup.ts";
import type { Candidates } from "../src/core/system_directory.ts";

/** Who can stand in a line, in one at a time. Only the line writes these fields. */
interface Waiter<W> {
  before?: W | undefined;
  after?: W | undefined;
}

/**
 * A queue that a waiter can leave from any position in O(1).
 *
 * A linked list, because a Set is slow here: to find its first entry it skips all deleted ones.
 */
export class Line<W extends Waiter<W>> {
  #first: W | undefined;
  #last: W | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): W | undefined {
    return this.#first;
  }

  /** Puts a waiter that stands in no line at the end. */
  join(waiter: W): void {
    this.#length++;
    waiter.before = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.after = waiter;
    this.#last = waiter;
  }

  /** Takes out a waiter that stands in this line. */
  leave(waiter: W): void {
    this.#length--;
    const { before, after } = waiter;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
  }
}

/** A step that waits to start, or runs. It is granted its limits one after the other. */
export interface Claim extends Waiter<Claim> {
  readonly taskId: TaskId;
  readonly step: number;
  /** The system that runs the step; undefined when it runs here, or is not chosen yet. */
  system: string | undefined;
  /** Whether it was chosen for a capability, among several. */
  isChosen: boolean;
  /** The system of the attempt before. */
  readonly lastSystem: string | undefined;
  /** The system that its policy switches it to. */
  readonly switchTo: string | undefined;
  /** The places of its step. */
  readonly places: Places;
  readonly isRetry: boolean;
  /** The capability that it asks for, as limits name it. */
  readonly capability: string | undefined;
  /** In the order in which they are granted. Choosing the system adds its own. */
  limits: readonly Limit[];
  /** How many of them are granted. If not all are, the claim stands in the line of the next one. */
  granted: number;
  /** When it joined the line that it stands in, on this node's clock. */
  waitsSinceMs: number;
  /** Attempts of its step that may run at once. */
  concurrencyMax: number;
  /** It is one of the tries that a half-open circuit allows at once. */
  isTry: boolean;
  /** An attempt runs: its end shows whether the system answers. */
  isStarted: boolean;
}

/** One limit. */
export interface Limit {
  readonly reason: WaitReason;
  readonly line: Line<Claim>;
  /** The one timer of the limit, armed only while somebody waits for time to pass. */
  timer: Cancel | undefined;
  /** Grants itself to a claim, if it has something free. */
  take(claim: Claim, nowMs: number): boolean;
  /** Takes back what a claim was granted. */
  giveBack(claim: Claim): void;
  /** When something becomes free by itself, in ms from now; undefined: not by time alone. */
  opensInMs(nowMs: number): number | undefined;
}

/** What a route works with. */
export interface RouteDeps {
  /** Which systems can get the step now. */
  candidates(): Candidates;
  /** Chooses one of them, and adds its limits to the claim. */
  choose(claim: Claim, candidates: Exclude<Candidates, string>): void;
}

/** Lets steps wait until a system is there that can run them. All in its line ask for the same. */
export class Route implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;

  constructor(readonly deps: RouteDeps) {}

  get reason(): WaitReason {
    const candidates = this.deps.candidates();
    // It is open, and its line is being served.
    return typeof candidates === "string" ? candidates : "no_healthy_instance";
  }

  take(claim: Claim): boolean {
    const candidates = this.deps.candidates();
    if (typeof candidates === "string") return false;
    this.deps.choose(claim, candidates);
    return true;
  }

  /** Whether the system that was chosen can still get the step. */
  stillLeadsTo(system: string): boolean {
    const candidates = this.deps.candidates();
    return typeof candidates !== "string" && candidates.includes(system);
  }

  giveBack(): void {}

  opensInMs(): undefined {}
}

/** A fixed number of places, on this node. */
export class Places implements Limit {
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  #taken = 0;

  constructor(readonly reason: WaitReason, readonly maxOf: (claim: Claim) => number) {}

  take(claim: Claim): boolean {
    if (this.#taken >= this.maxOf(claim)) return false;
    this.hold();
    return true;
  }

  /** Takes a place, even if none is free: the attempt is running already. */
  hold(): void {
    this.#taken++;
  }

  giveBack(): void {
    this.#taken--;
  }

  opensInMs(): undefined {}
}
