/** Development: what changes in the folder of workflows, so that the server starts again. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { pause } from "../postgres/retry_for.ts";

/** Editors write in bursts: nothing may change for this long before the server starts again. */
const QUIET_MS = 200;

/** How often it is looked whether another folder has taken the place of the watched one. */
const REPLACED_LOOK_MS = 1_000;

/** What workflows are made of. Tests are not served. */
const IS_SERVED = /(?<!_test)\.(ts|js|mjs|json|ya?ml)$/;

/** The changes of a folder, for one listener. */
export class Changes implements Disposable {
  #watcher: Deno.FsWatcher | undefined;
  /** The watched folder itself: a watcher stays with it when it is moved away. */
  #inode: number | null;
  #changed = Promise.withResolvers<boolean>();
  readonly #look = setInterval(() => this.#followReplaced(), REPLACED_LOOK_MS);

  /** @throws {TaskerError} config.invalid when the folder cannot be watched */
  constructor(private readonly folder: string) {
    try {
      this.#inode = Deno.statSync(folder).ino;
      this.#watcher = this.#watch();
    } catch (cause) {
      clearInterval(this.#look);
      const why = `Cannot watch the workflows in "${folder}": ${messageOf(cause)}`;
      throw new TaskerError("config.invalid", why, { cause });
    }
  }

  /** Resolves when a file has changed since the last call resolved, and all is quiet again. */
  async next(): Promise<"changed"> {
    await this.#changed.promise;
    do {
      this.#changed = Promise.withResolvers();
    } while (await Promise.race([this.#changed.promise, pause(QUIET_MS)]));
    return "changed";
  }

  [Symbol.dispose](): void {
    clearInterval(this.#look);
    this.#watcher?.close();
  }

  #watch(): Deno.FsWatcher {
    const watcher = Deno.watchFs(this.folder);
    void this.#listen(watcher);
    return watcher;
  }

  /**
   * Watches the folder that is there now, if it is another one. While there is none, it waits.
   *
   * The watcher before is closed a look earlier: Deno ends the watch of a path some time after
   * `close`, and would end a new one of the same path with it.
   */
  #followReplaced(): void {
    try {
      const { ino } = Deno.statSync(this.folder);
      if (ino === this.#inode) return;
      if (this.#watcher !== undefined) {
        this.#watcher.close();
        this.#watcher = undefined;
        return;
      }
      [this.#watcher, this.#inode] = [this.#watch(), ino];
      this.#changed.resolve(true);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #listen(events: AsyncIterable<Deno.FsEvent>): Promise<void> {
    for await (const { kind, paths } of events) {
      // The server itself only reads.
      if (kind !== "access" && paths.some((path) => IS_SERVED.test(path))) {
        this.#changed.resolve(true);
      }
    }
  }
}
