/** Watch: wakes whoever follows a task. The feed is only a hint; a timer covers what it misses. */

import type { TaskId } from "../core/ids.ts";
import type { Cancel, CommittedTurn, Feed, Runtime } from "../core/ports.ts";

/** How soon a follower looks again after news, in ms; tasks of other nodes are seen by this alone. */
export const LOOK_MS_MIN = 250;
/** How seldom it looks when nothing happens. */
export const LOOK_MS_MAX = 1_000;

/** Follows one task. */
export class Follower {
  #isNews = false;
  #lookMs = LOOK_MS_MIN;
  #wake: (() => void) | undefined;

  constructor(
    private readonly runtime: Pick<Runtime, "after">,
    private readonly leave: () => void,
  ) {}

  /** Says that something happened. */
  tell(): void {
    this.#isNews = true;
    this.#lookMs = LOOK_MS_MIN;
    this.#wake?.();
  }

  /** Resolves when it is time to look: after news, after a while, or when `signal` aborts. */
  async next(signal: AbortSignal, msMax: number = LOOK_MS_MAX): Promise<void> {
    if (!this.#isNews && !signal.aborted) {
      await this.#sleep(signal, Math.min(this.#lookMs, msMax));
      this.#lookMs = Math.min(this.#lookMs * 1.5, LOOK_MS_MAX);
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
