/** Ranges of task ids: ids begin with the time of their minting, so times bound them. */

import { mintTaskId, type TaskId } from "../core/ids.ts";

const LEAST = "00000000-0000-0000-0000-000000000000";

/** The last time that 48 bits hold; the year 10889. */
const MS_MAX = 2 ** 48 - 1;

/** Returns the least id that can be minted at a time; all that were minted before are less. */
export function firstIdAt(ms: number): TaskId {
  return mintTaskId(Math.min(Math.max(0, ms), MS_MAX), 0, LEAST);
}
