/** The task row: what lists and recovery need of a task, beside its journal. */

import type { StartTask } from "./command.ts";
import { canonicalJson } from "./json.ts";
import { decodePayload } from "./payload.ts";
import type { Plan } from "./plan.ts";
import type { TaskBirth, TaskChange } from "./ports.ts";
import { rollup, type WaitReason } from "./rollup.ts";
import type { TaskState } from "./state.ts";

/** What a task's first turn writes. `digest` is the SHA-256 of a text, lower-case hex. */
export function birthOf(
  command: StartTask,
  { nowMs, digest }: { nowMs: number; digest: (text: string) => string },
): TaskBirth {
  const { namespace, workflow, version, versionAsked, definitionHash, tags, key } = command;
  const { deadlineMs, priority, fork } = command;
  const asked: unknown[] = [workflow, versionAsked, decodePayload(command.input), tags, deadlineMs];
  // Hashes from before priorities and forks stay valid.
  if (priority !== undefined) asked.push(priority);
  if (fork !== undefined) asked.push(fork.from);
  return {
    namespace,
    workflow: workflow.slice(namespace.length + 1),
    version,
    definitionHash,
    tags,
    key: key ?? `cmd:${command.commandId}`,
    bodyHash: digest(canonicalJson(asked)),
    createdAtMs: nowMs,
  };
}

/**
 * What the row says of a task in a state; `waitsFor`: why a ready step has not started; `labels`: what
 * it is found by, where it had or has any.
 */
export function changeOf(plan: Plan, state: TaskState, { waitsFor, labels }: {
  waitsFor: (step: number) => WaitReason | undefined;
  labels: readonly string[] | undefined;
}): TaskChange {
  const rolled = rollup(plan, state, waitsFor);
  const wakeAtMs = state.passivated?.wakeAtMs;
  return {
    state: rolled.state,
    blockedReason: rolled.blockedReason ?? null,
    resident: state.passivated === undefined,
    ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    ...(state.endedAtMs === undefined ? {} : { endedAtMs: state.endedAtMs }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Whether two rows say the same. */
export function isSameChange(a: TaskChange, b: TaskChange): boolean {
  return a.state === b.state && a.blockedReason === b.blockedReason && a.resident === b.resident &&
    a.wakeAtMs === b.wakeAtMs && a.endedAtMs === b.endedAtMs && isSameList(a.labels, b.labels);
}

function isSameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((label, index) => label === b[index]);
}
