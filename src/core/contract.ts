/** Contracts: JSON Schemas as checks. */

import { z } from "zod";
import type { Fault } from "./errors.ts";
import { TaskerError } from "./errors.ts";
import type { JsonSchema } from "./workflow.ts";

/** Checks a value; an empty list means it keeps the contract. */
export type Check = (value: unknown) => readonly Fault[];

const ANYTHING: Check = () => [];

/** Turns a stored schema into a check; no schema accepts anything. Cost: compile once, keep it. */
export function compileCheck(schema: JsonSchema | undefined): Check {
  if (schema === undefined) return ANYTHING;
  const parser = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  return (value) => {
    const parsed = parser.safeParse(value);
    return parsed.success ? [] : faultsOf(parsed.error);
  };
}

/** Returns zod's issues in our shape. */
export function faultsOf(error: z.ZodError, root = ""): readonly Fault[] {
  return error.issues.map((issue) => ({
    path: [root, ...issue.path.map(String)].filter((part) => part !== "").join("."),
    code: issue.code,
    detail: issue.message,
  }));
}

/** Joins faults into one line for a message. */
export function describeFaults(faults: readonly Fault[]): string {
  return faults.map((
    fault,
  ) => (fault.path === "" ? fault.detail : `${fault.path}: ${fault.detail}`))
    .join("; ");
}

/**
 * Refuses a value that breaks its contract.
 *
 * @throws {TaskerError} contract.violation
 */
export function demand(check: Check, value: unknown, what: string): void {
  const faults = check(value);
  if (faults.length === 0) return;
  throw new TaskerError(
    "contract.violation",
    `Cannot take ${what}: ${describeFaults(faults)}`,
    { faults },
  );
}
