/** Handler of batches: many starts in one request, each with an answer of its own. */

import { TaskerError } from "../core/errors.ts";
import { findUnfit } from "../core/json.ts";
import { unfitError } from "../core/payload.ts";
import type { ParsedOf, ResultOf } from "../operations/operation.ts";
import type { TASKS } from "../operations/tasks.ts";
import { type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";
import { BODY_DEPTH_MAX, unreadable } from "./request.ts";
import { operatingError, problemOf } from "./response.ts";
import { start } from "./tasks.ts";

/** Batches at once on one node: with their bodies, what they may hold in memory. */
export const BATCHES_MAX = 16;

/** How long a client waits before it tries again when too many batches are being started. */
const BUSY_RETRY_AFTER_MS = 1_000;

/** Starts between two iterations of the event loop: others are served, and a flush can begin. */
const SLICE_STARTS = 100;

/** How deep an entry lies in the body. */
const ENTRY_DEPTH = 2;

type StartTasks = typeof TASKS["startTasks"];
type Entry = ParsedOf<StartTasks>["tasks"][number];
type EntryAnswer = ResultOf<StartTasks>["tasks"][number];

/** Handlers of batches. */
export function taskBatchHandlers(
  services: Services,
): Pick<Handlers<typeof TASKS>, "startTasks"> {
  let batches = 0;
  return {
    async startTasks({ tasks }, call) {
      if (batches >= BATCHES_MAX) throw tooManyBatches();
      batches++;
      try {
        return { status: 200, body: { tasks: await startAll(services, tasks, call) } };
      } finally {
        batches--;
      }
    },
  };
}

/** Starts share turns and flushes: none waits for the one before. */
async function startAll(
  services: Services,
  entries: readonly Entry[],
  call: Call,
): Promise<readonly EntryAnswer[]> {
  const answers: Promise<EntryAnswer>[] = [];
  for (const [at, entry] of entries.entries()) {
    if (at > 0 && at % SLICE_STARTS === 0) {
      await new Promise<void>((wake) => services.runtime.soon(wake));
    }
    answers.push(startOne(services, { entry, at }, call));
  }
  return await Promise.all(answers);
}

async function startOne(
  services: Services,
  { entry, at }: { readonly entry: Entry; readonly at: number },
  call: Call,
): Promise<EntryAnswer> {
  try {
    if ("faults" in entry) throw unreadable("start", entry.faults);
    const unfit = findUnfit(entry, BODY_DEPTH_MAX - ENTRY_DEPTH);
    if (unfit !== undefined) throw unfitError("the start", unfit);
    const { key } = entry;
    const { taskId, changed } = await start(services, entry, call, (namespace) => ({
      commandId: commandIdAt(services, { key, at, namespace }, call),
      key,
    }));
    return { outcome: changed ? "started" : "repeated", id: taskId };
  } catch (thrown) {
    const place = { route: "/v1/tasks/batch", start: at };
    return { outcome: "refused", problem: problemOf(operatingError(thrown), services, place) };
  }
}

/** With its own key a start is what a single one with this Idempotency-Key is. */
function commandIdAt(
  { runtime }: Services,
  { key, at, namespace }: {
    readonly key: string | undefined;
    readonly at: number;
    readonly namespace: string;
  },
  { caller, idempotencyKey }: Call,
): string {
  if (key !== undefined) {
    return commandIdOf(runtime, { caller, idempotencyKey: key }, "start", namespace);
  }
  return commandIdOf(runtime, { caller, idempotencyKey }, "batch", namespace, String(at));
}

function tooManyBatches(): TaskerError {
  return new TaskerError(
    "api.busy",
    `Cannot start the batch: ${BATCHES_MAX} are being started already`,
    { retryAfterMs: BUSY_RETRY_AFTER_MS },
  );
}
