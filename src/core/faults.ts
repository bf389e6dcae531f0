/** Faults: what is wrong with a value, place by place. */

import type { z } from "zod";
import type { Fault } from "./errors.ts";

/** Faults listed for one value: a large one may have any number. */
export const FAULTS_MAX = 100;

/** Converts zod's issues to faults; `root` begins their paths. */
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
