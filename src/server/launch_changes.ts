/** Development: what changes in the folder of workflows, so that the server starts again. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { pause } from "../postgres/retry_for.ts";

/** Editors write in bursts: nothing may change for this long before the server starts again. */
const QUIET_MS = 200;

/** What workflows are made of. Tests are not served. */
const IS_SERVED = /(?<!_test)\.(ts|js|mjs|json|ya?ml)$/;

/** The changes of a folder, for one listener. */
export class Changes implements Disposable {
  readonly #watcher: Deno.FsWatcher;
  #changed = Promise.withResolvers<boolean>();

  /** @throws {TaskerError} config.invalid when the folder cannot be watched */
  constructor(folder: string) {
    try {
      this.#watcher = Deno.watchFs(folder);
    } catch (cause) {
      const why = `Cannot watch the workflows in "${folder}": ${messageOf(cause)}`;
      throw new TaskerError("config.invalid", why, { cause });
    }
    void this.#listen(this.#watcher);
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
    this.#watcher.close();
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
