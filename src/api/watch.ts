/** Watch: wakes whoever follows a task. The feed is only a hint; a timer covers what it misses. */

import { exponentialMs } from "../core/backoff.ts";
import type { TaskId } from "../core/ids.ts";
import type { Cancel, CommittedTurn, Feed, Runtime } from "../core/ports.ts";

/** How soon a follower looks again after news, in ms; tasks of other nodes are seen by this alone. */
export const LOOK_MS_MIN = 250;
/** How seldom it looks when nothing happens. */
export const LOOK_MS_MAX = 1_000;

const LOOK = { minMs: LOOK_MS_MIN, maxMs: LOOK_MS_MAX, factor: 1.5 };

/** Follows one task. */
export class Follower {
  #isNews = false;
  #looks = 1;
  #wake: (() => void) | undefined;

  constructor(
    private readonly runtime: Pick<Runtime, "after">,
    private readonly leave: () => void,
  ) {}

  /** Says that something happened. */
  tell(): void {
    this.#isNews = true;
    this.#looks = 1;
    this.#wake?.();
  }

  /** Resolves when it is time to look: after news, after a while, or when `signal` aborts. */
  async next(signal: AbortSignal, msMax: number = LOOK_MS_MAX): Promise<void> {
    if (!this.#isNews && !signal.aborted) {
      const lookMs = exponentialMs(this.#looks++, LOOK);
      await this.#sleep(signal, Math.min(lookMs, msMax));
    }
    this.#isNews = false;
  }

  close(): void {
    this.leave();
  }

  #sleep(signal: AbortSignal, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.runtime.after(ms, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}

/** Spreads one subscription to the feed over all followers. Cost: one map look-up a turn. */
export class Watch {
  readonly #followers = new Map<TaskId, Set<Follower>>();
  #cancel: Cancel | undefined;

  constructor(
    private readonly feed: Feed,
    private readonly runtime: Pick<Runtime, "after">,
  ) {}

  /** Follows a task until the follower is closed. */
  follow(taskId: TaskId): Follower {
    const follower: Follower = new Follower(this.runtime, () => this.#leave(taskId, follower));
    const followers = this.#followers.get(taskId) ?? new Set();
    this.#followers.set(taskId, followers.add(follower));
    this.#cancel ??= this.feed.subscribe((committed) => this.#tell(committed));
    return follower;
  }

  #tell({ taskId }: CommittedTurn): void {
    const followers = this.#followers.get(taskId);
    if (followers !== undefined) { for (const follower of followers) follower.tell(); }
  }

  #leave(taskId: TaskId, follower: Follower): void {
    const followers = this.#followers.get(taskId);
    followers?.delete(follower);
    if (followers?.size === 0) this.#followers.delete(taskId);
    if (this.#followers.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
