/** Locating: where in a user's module a function of the SDK was called. */

import type { Locate, Position } from "../core/workflow_module.ts";

/**
 * Remembers the place that called `callee`.
 *
 * Cost: one stack frame; its text is made only when the place is asked for.
 */
export function locateCaller(callee: (...given: never[]) => unknown): Locate {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  return () => positionIn(holder.stack ?? "");
}

/** Reads the first place of a stack, such as `at wire (file:///app/workflows/hello.ts:7:5)`. */
function positionIn(stack: string): Position | undefined {
  const parts = /(\w+:\/\/[^\s()]+):(\d+):(\d+)\)?$/m.exec(stack);
  if (parts === null) return undefined;
  return { file: parts[1] ?? "", line: Number(parts[2]), column: Number(parts[3]) };
}
