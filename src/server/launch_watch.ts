/** The launcher's eye on the server: whether its event loop goes round. */

import { markHung, readBeats } from "./node_lock.ts";
import { pause } from "../postgres/retry_for.ts";

/** How often the launcher looks; the server gives a beat as often. */
const LOOK_MS = 1_000;

/** What is watched, and for how long it may stand still. */
export interface WatchOptions {
  readonly dataDir: string;
  readonly pid: number;
  /** The beats of all places before the server was started: none of them is its own. */
  readonly earlier: readonly string[];
  /** How long the event loop may stand still now, in milliseconds. */
  hangMs(): number;
  /** Whether the server has ended. */
  hasEnded(): boolean;
}

/**
 * Waits until the server's event loop has stood still for too long, and notes that for the node that
 * comes next.
 *
 * Looks are counted, not time: a launcher that stood still itself, on a machine that slept, say, has
 * not looked.
 *
 * @returns true when the server hangs, and is to be ended; false when it has ended
 */
export async function untilHung(options: WatchOptions): Promise<boolean> {
  const { dataDir, pid, earlier } = options;
  let seen: string | undefined;
  for (let looks = 0; !options.hasEnded(); looks++) {
    const beats = await readBeats(dataDir, pid).catch(() => undefined);
    if (beats !== seen) {
      seen = beats;
      looks = 0;
    }
    const isItsOwn = seen !== undefined && !earlier.includes(seen);
    if (isItsOwn && looks * LOOK_MS >= options.hangMs()) {
      await markHung(dataDir, pid);
      return true;
    }
    await pause(LOOK_MS);
  }
  return false;
}
