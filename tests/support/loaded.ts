/** What a journal loads, all at once. */

import type { Turn } from "../../src/core/event.ts";
import type { TaskId } from "../../src/core/ids.ts";
import type { Journal } from "../../src/core/ports.ts";

/** Reads whole tasks; rejects with what is wrong with the first that cannot be read. */
export async function loadAll(
  journal: Pick<Journal, "load">,
  taskIds: readonly TaskId[],
): Promise<Map<TaskId, readonly Turn[]>> {
  const found = new Map<TaskId, readonly Turn[]>();
  for await (const loaded of journal.load(taskIds)) {
    if ("error" in loaded) throw loaded.error;
    found.set(loaded.taskId, loaded.turns);
  }
  return found;
}
