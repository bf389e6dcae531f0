/** Contracts: checks of values that also fill in defaults. */

import type { z } from "zod";
import { messageOf } from "./errors.ts";
import { faultsOf } from "./faults.ts";
import { checkByStored, type Checked } from "./stored_schema.ts";
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
