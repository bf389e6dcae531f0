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
  return error.issues.flatMap(fitting).map((issue) => ({
    path: [root, ...issue.path.map(String)].filter((part) => part !== "").join("."),
    code: issue.code,
    detail: issue.message,
  }));
}

type Issue = z.core.$ZodIssue;

/** Of a union, returns the issues of the option that the value was meant to be, if that is clear. */
function fitting(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const isOtherType = ([first]: readonly Issue[]) =>
    first?.code === "invalid_type" && first.path.length === 0;
  const [option, ...others] = issue.errors.filter((issues) => !isOtherType(issues));
  if (option === undefined || others.length > 0) return [issue];
  return option.flatMap(fitting).map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
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
