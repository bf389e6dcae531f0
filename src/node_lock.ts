/** Node locks: which of the places in TASKER_DATA this process has, and who had it before. */

import { TaskerError } from "./core/errors.ts";
import type { Incarnation } from "./core/ids.ts";

/** Servers in one folder. */
const NODES_MAX = 64;

/** A place that is ours until the process ends; the kernel gives it up for a killed one. */
export interface NodeLock extends Disposable {
  /** `node-1`, `node-2`, … */
  readonly name: string;
  /** Who had the place before, and is certainly dead: two processes cannot hold one lock. */
  readonly previous: Incarnation | undefined;
  /** Notes who has the place now. */
  write(incarnation: Incarnation): void;
}

/**
 * Takes the first free place of a folder.
 *
 * @throws {TaskerError} config.invalid when all places are taken
 */
export async function takeNodeLock(dataDir: string): Promise<NodeLock> {
  await Deno.mkdir(dataDir, { recursive: true });
  for (let number = 1; number <= NODES_MAX; number++) {
    const name = `node-${number}`;
    const path = `${dataDir}/${name}.lock`;
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    if (await file.tryLock(true)) return nodeLock(name, file);
    file.close();
  }
  throw new TaskerError(
    "config.invalid",
    `Cannot serve from "${dataDir}": ${NODES_MAX} servers use it already; set another TASKER_DATA`,
  );
}

function nodeLock(name: string, file: Deno.FsFile): NodeLock {
  const bytes = new Uint8Array(64);
  const length = file.readSync(bytes) ?? 0;
  const text = new TextDecoder().decode(bytes.subarray(0, length)).trim();
  return {
    name,
    previous: text === "" ? undefined : text as Incarnation,
    write(incarnation) {
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(incarnation));
      file.syncSync();
    },
    [Symbol.dispose]: () => file.close(),
  };
}
