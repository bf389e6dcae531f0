/** Contracts: checks of values that also fill in defaults. */

import type { z } from "zod";
import { type Fault, messageOf } from "./errors.ts";
import { checkByStored, type Checked, FAULTS_MAX } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** Checks a value. Never throws. */
export type Check = (value: unknown) => Checked;

/**
 * Returns the check of a contract: by the code's own schema where the code is loaded, else by the
 * stored one. A contract with neither accepts anything.
 *
 * A stored schema lacks what JSON Schema cannot express (`.refine`), and fills in no default inside a
 * union.
 */
export function checkOf(code: z.ZodType | undefined, stored: JsonSchema | undefined): Check {
  if (code !== undefined) return (value) => checkByCode(code, value);
  if (stored !== undefined) return (value) => checkByStored(stored, value);
  return (value) => ({ ok: true, value });
}

/** A schema of a workflow may run a user's code: if it throws, the value breaks the contract. */
function checkByCode(schema: z.ZodType, value: unknown): Checked {
  try {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, faults: faultsOf(parsed.error) };
  } catch (thrown) {
    const detail = `checking it threw: ${textOf(thrown)}`;
    return { ok: false, faults: [{ path: "", code: "check_threw", detail }] };
  }
}

/** Returns the text of anything thrown, even of a value that has none. */
function textOf(thrown: unknown): string {
  try {
    return `${messageOf(thrown)}`;
  } catch {
    return "what was thrown has no text";
  }
}

/** Converts zod's issues to faults. */
export function faultsOf(error: z.ZodError, root = ""): readonly Fault[] {
  return error.issues.slice(0, FAULTS_MAX).flatMap(fitting).map((issue) => ({
    path: [root, ...issue.path.map(String)].filter((part) => part !== "").join("."),
    code: issue.code,
    detail: issue.message,
  }));
}

type Issue = z.core.$ZodIssue;

/** Of a union, returns the issues of the option that was probably meant, if only one fits. */
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
  return faults
    .map(({ path, detail }) => (path === "" ? detail : `${path}: ${detail}`))
    .join("; ");
}
