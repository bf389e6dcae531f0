/** Reactions: what people and programs did about a stored task, to be done again when it is played. */

import type { OutsideCommand } from "../core/command.ts";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Reaction } from "../core/ports.ts";
import type { StoredTask } from "./trace.ts";

/** A command, and the event that it follows. */
export interface Follow {
  /** `TaskStarted`, or `signal/<step>` and `park/<step>` with how often that was before. */
  readonly cause: string;
  readonly reaction: Reaction;
}

/** Who acts when a task is played. */
const BY = { by: "playback", reason: "as it was done before" };

/** Repeats what was done about stored tasks: signals, choices of parked steps, cancels, pauses. */
export class Reactions {
  readonly #parks = new Map<string, number>();

  constructor(private readonly byTask: ReadonlyMap<TaskId, readonly Follow[]>) {}

  /** Returns what follows from an event of a task that is played. */
  to(taskId: TaskId, event: Event): readonly Reaction[] {
    const cause = this.#causeOf(taskId, event);
    const follows = cause === undefined ? [] : this.byTask.get(taskId) ?? [];
    return follows.flatMap((one) => one.cause === cause ? one.reaction : []);
  }

  /** A person who acted on the second park of a step acts on its second park again. */
  #causeOf(taskId: TaskId, event: Event): string | undefined {
    if (event.kind !== "StepParked") return causeOf(event);
    const key = `${taskId}/${event.step}`;
    const before = this.#parks.get(key) ?? 0;
    this.#parks.set(key, before + 1);
    return `park/${event.step}/${before}`;
  }
}

function causeOf(event: Event): string | undefined {
  if (event.kind === "TaskStarted") return event.kind;
  return event.kind === "StepStarted" && event.attempt === 1 ? `signal/${event.step}` : undefined;
}

/** Reads what was done about a stored task. Cost: O(events). */
export function followsOf({ taskId, plan, turns }: StoredTask): readonly Follow[] {
  const events = turns.flatMap((turn) => turn.events);
  const startedAtMs = events[0]?.atMs ?? 0;
  const since = new Map<number, { readonly atMs: number; readonly cause: string }>();
  const parks = new Map<number, number>();
  return events.flatMap((event, index) => {
    if (event.kind === "StepParked") {
      const before = parks.get(event.step) ?? 0;
      parks.set(event.step, before + 1);
      since.set(event.step, { atMs: event.atMs, cause: `park/${event.step}/${before}` });
      return [];
    }
    if (event.kind === "StepStarted" && isSignal(plan, event.step)) {
      since.set(event.step, { atMs: event.atMs, cause: `signal/${event.step}` });
      return [];
    }
    const command = commandOf(event, plan, { taskId, commandId: `playback:${taskId}/${index}` });
    if (command === undefined) return [];
    const known = "step" in event ? since.get(event.step) : undefined;
    const from = known ?? { atMs: startedAtMs, cause: "TaskStarted" };
    return [{ cause: from.cause, reaction: { afterMs: event.atMs - from.atMs, command } }];
  });
}

function isSignal(plan: Plan, step: number): boolean {
  return plan.steps[step]?.definition.kind === "signal";
}

/** The command that an event came of, if it came from outside. */
function commandOf(
  event: Event,
  plan: Plan,
  id: { readonly taskId: TaskId; readonly commandId: string },
): OutsideCommand | undefined {
  const step = "step" in event ? plan.steps[event.step]?.name ?? "" : "";
  switch (event.kind) {
    case "SignalReceived":
      return { kind: "SendSignal", ...id, name: step, payload: event.payload };
    case "StepCompleted":
      if (!isSignal(plan, event.step)) return undefined;
      return { kind: "SendSignal", ...id, name: step, payload: event.result };
    case "StepRetried":
      return { kind: "RetryStep", ...id, ...BY, step };
    case "StepResolved":
      return { kind: "ResolveStep", ...id, ...BY, step, result: event.result };
    case "StepSkipped":
      return {
        kind: "SkipStep",
        ...id,
        ...BY,
        step,
        ...(event.result !== undefined && { result: event.result }),
      };
    case "TaskPaused":
      return { kind: "PauseTask", ...id, ...BY };
    case "TaskResumed":
      return { kind: "ResumeTask", ...id, ...BY };
    case "TaskCancelRequested":
      return { kind: "CancelTask", ...id, ...BY };
    default:
      return undefined;
  }
}
