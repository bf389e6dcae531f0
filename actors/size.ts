/** Sizes: about how many characters commands and events add to a row. Payloads are all that grows. */

import type { Command } from "../src/core/command.ts";
import type { Event } from "../src/core/event.ts";

/** What a command or an event takes beside its payload. */
const FIELDS_SIZE = 64;

/** About how many characters a command leads to. Cost: O(1). */
export function sizeOfCommand(command: Command): number {
  switch (command.kind) {
    case "StartTask":
      return FIELDS_SIZE + command.input.length;
    case "RecordStepResult": {
      const { outcome } = command;
      const text = outcome.kind === "completed" ? outcome.result : outcome.failure.error;
      return FIELDS_SIZE + text.length;
    }
    case "SendSignal":
      return FIELDS_SIZE + command.payload.length;
    case "ResolveStep":
    case "SkipStep":
      return FIELDS_SIZE + (command.result?.length ?? 0);
    default:
      return FIELDS_SIZE;
  }
}

/** About how many characters an event takes. Cost: O(1). */
export function sizeOfEvent(event: Event): number {
  switch (event.kind) {
    case "TaskStarted":
      return FIELDS_SIZE + event.input.length;
    case "SignalReceived":
      return FIELDS_SIZE + event.payload.length;
    case "StepCompleted":
    case "StepResolved":
    case "StepSkipped":
      return FIELDS_SIZE + (event.result?.length ?? 0);
    case "StepAttemptFailed":
    case "StepFailed":
    case "StepParked":
      return FIELDS_SIZE + (event.failure?.error.length ?? 0);
    default:
      return FIELDS_SIZE;
  }
}
