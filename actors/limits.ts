/** Limits: what a step must be granted before it starts. Each has a line of steps that wait for it. */

import {
  newRetryBudget,
  nextRetryInMs,
  type RetryBudget,
  spendRetry,
} from "../src/core/breaker.ts";
import { newDurations } from "../src/core/durations.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Cancel } from "../src/core/ports.ts";
import type { WaitReason } from "../src/core/rollup.ts";
import type { Candidates } from "../src/core/system_directory.ts";
import { Line, type Waiter } from "./line.ts";

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
  /** The system that owns its step. */
  readonly owner: string;
  /** The system that its policy switches it to. */
  readonly switchTo: string | undefined;
  /** The places of its step. */
  readonly places: StepPlaces;
  readonly isRetry: boolean;
  /** The capability that it asks for, as limits name it. */
  readonly capability: string | undefined;
  /** In the order in which they are granted. Choosing the system adds its own. */
  limits: readonly Limit[];
  /** How many of them are granted. If not all are, the claim stands in the line of the next one. */
  granted: number;
  /** Attempts of its step that may run at once. */
  concurrencyMax: number;
  /** It is one of the tries that a half-open circuit allows at once. */
  isTry: boolean;
  /** The period of the adaptive limit in which it was granted. */
  period: number;
  /** An attempt runs: its end shows whether the system answers. */
  isStarted: boolean;
  /** When it was started, on this node's clock; undefined: by another node, or not yet. */
  startedAtMs: number | undefined;
  /** Its task's deadline comes too soon: it is not started, holds nothing and stands in no line. */
  isTooLate: boolean;
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
  /** How long the attempts that had a place usually take. */
  readonly durations = newDurations();
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

/** Limits retries. What is spent is not given back. */
export class RetryLimit implements Limit {
  readonly reason = "retry_budget";
  readonly line = new Line<Claim>();
  timer: Cancel | undefined;
  readonly budget: RetryBudget;

  constructor(nowMs: number) {
    this.budget = newRetryBudget(nowMs);
  }

  take(_claim: Claim, nowMs: number): boolean {
    return spendRetry(this.budget, nowMs);
  }

  giveBack(): void {}

  opensInMs(nowMs: number): number {
    return nextRetryInMs(this.budget, nowMs);
  }
}

/** The places of one step, and the budget of its retries where no system has one. */
export class StepPlaces extends Places {
  readonly retries: RetryLimit;

  constructor(nowMs: number) {
    super("concurrency_max", ({ concurrencyMax }) => concurrencyMax);
    this.retries = new RetryLimit(nowMs);
  }
}
