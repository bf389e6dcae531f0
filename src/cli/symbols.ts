/** Symbols: how the states of steps and tasks look. The state is always written out, too. */

import type { StepStateName, TaskStateName } from "../core/state.ts";
import type { Tone } from "./paint.ts";

/** One letter and what it means. */
export interface Look {
  readonly symbol: string;
  readonly tone: Tone;
}

const STEP_LOOKS: Readonly<Record<StepStateName, Look>> = {
  pending: { symbol: "○", tone: "dim" },
  running: { symbol: "●", tone: "busy" },
  waiting_for_reply: { symbol: "◐", tone: "busy" },
  waiting_for_retry: { symbol: "↻", tone: "warn" },
  parked: { symbol: "!", tone: "bad" },
  completed: { symbol: "✓", tone: "good" },
  failed: { symbol: "✗", tone: "bad" },
  cancelled: { symbol: "⊘", tone: "warn" },
  skipped: { symbol: "»", tone: "warn" },
  resolved_manually: { symbol: "✎", tone: "good" },
  unreached: { symbol: "–", tone: "dim" },
};

const TASK_LOOKS: Readonly<Record<TaskStateName, Look>> = {
  running: { symbol: "●", tone: "busy" },
  waiting: { symbol: "◐", tone: "busy" },
  blocked: { symbol: "!", tone: "bad" },
  paused: { symbol: "‖", tone: "warn" },
  completed: { symbol: "✓", tone: "good" },
  failed: { symbol: "✗", tone: "bad" },
  cancelled: { symbol: "⊘", tone: "warn" },
};

const UNKNOWN: Look = { symbol: "?", tone: "plain" };

/** The look of a step's state; a newer server may know others. */
export function stepLook(state: StepStateName): Look {
  return STEP_LOOKS[state] ?? UNKNOWN;
}

/** The look of a task's state. */
export function taskLook(state: TaskStateName): Look {
  return TASK_LOOKS[state] ?? UNKNOWN;
}
