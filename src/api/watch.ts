/** Watch: wakes the requests that follow a task. */

import { exponentialMs } from "../core/backoff.ts";
import type { TaskId } from "../core/ids.ts";
import { Wakeup } from "../core/wakeup.ts";
import type { Cancel, CommittedTurn, Feed, ResidentTasks, Runtime } from "../core/ports.ts";

/** The first delay before a follower reads a task of another node again, in ms. */
const LOOK_MS_MIN = 250;
/** The longest one. */
export const LOOK_MS_MAX = 1_000;

const LOOK = { minMs: LOOK_MS_MIN, maxMs: LOOK_MS_MAX, factor: 1.5 };

/** What it works with. */
export interface WatchDeps {
  readonly feed: Feed;
  readonly residents: Pick<ResidentTasks, "tenure">;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
}

/** Whether a turn wakes the follower. */
export type IsNews = (committed: CommittedTurn) => boolean;

/**
 * Follows one task. While this node owns the task, the feed has each of its turns, so waiting costs no
 * query. The turns of another node's task are not in the feed: it is read again and again.
 */
export class Follower {
  readonly #wakeup: Wakeup;
  #looks = 1;
  #lookAtMs = 0;
  #tenure: number | undefined;

  constructor(
    private readonly taskId: TaskId,
    private readonly deps: WatchDeps,
    private readonly isNews: IsNews,
    /** Stops following. */
    readonly close: () => void,
  ) {
    this.#wakeup = new Wakeup(deps.runtime);
    this.#tenure = deps.residents.tenure(taskId);
  }

  /** Receives a turn of the task. */
  take(committed: CommittedTurn): void {
    if (!this.isNews(committed)) return;
    this.#looks = 1;
    this.#wakeup.set();
  }

  /** Wakes the follower when its task may have had turns that this node does not know of. */
  check(nowMs: number): void {
    const before = this.#tenure;
    this.#tenure = this.deps.residents.tenure(this.taskId);
    const isMissingNone = this.#tenure !== undefined && this.#tenure === before;
    const isTooSoon = this.#tenure === before && nowMs < this.#lookAtMs;
    if (!isMissingNone && !isTooSoon) this.#wakeup.set();
  }

  /** Resolves when it is time to read the task, when `signal` aborts, or after `msMax`. */
  async next(signal: AbortSignal, msMax?: number): Promise<void> {
    this.#lookAtMs = this.deps.runtime.monotonic() + exponentialMs(this.#looks++, LOOK);
    await this.#wakeup.next(signal, msMax);
  }
}

/** Shares one subscription to the feed, and one timer, between all followers. */
export class Watch {
  readonly #followers = new Map<TaskId, Set<Follower>>();
  #unsubscribe: Cancel | undefined;
  #cancelCheck: Cancel | undefined;

  constructor(private readonly deps: WatchDeps) {}

  /**
   * Follows a task until the follower is closed. Only turns for which `isNews` holds wake it. It gets
   * no turn that was committed before, so read the task after this call.
   *
   * Cost: one map look-up for each turn of any task, and one for each follower four times a second.
   */
  follow(taskId: TaskId, isNews: IsNews = () => true): Follower {
    const leave = () => this.#leave(taskId, follower);
    const follower: Follower = new Follower(taskId, this.deps, isNews, leave);
    const followers = this.#followers.get(taskId) ?? new Set();
    this.#followers.set(taskId, followers.add(follower));
    this.#unsubscribe ??= this.deps.feed.subscribe((committed) => this.#take(committed));
    if (this.#cancelCheck === undefined) this.#checkLater();
    return follower;
  }

  #take(committed: CommittedTurn): void {
    for (const follower of this.#followers.get(committed.taskId) ?? []) follower.take(committed);
  }

  #checkLater(): void {
    this.#cancelCheck = this.deps.runtime.after(LOOK_MS_MIN, () => {
      const nowMs = this.deps.runtime.monotonic();
      for (const followers of this.#followers.values()) {
        for (const follower of followers) follower.check(nowMs);
      }
      this.#checkLater();
    });
  }

  #leave(taskId: TaskId, follower: Follower): void {
    const followers = this.#followers.get(taskId);
    followers?.delete(follower);
    if (followers?.size === 0) this.#followers.delete(taskId);
    if (this.#followers.size > 0) return;
    this.#unsubscribe?.();
    this.#cancelCheck?.();
    this.#unsubscribe = this.#cancelCheck = undefined;
  }
}
