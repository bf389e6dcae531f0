/** Changes: how an action is laid into an overlay, and how it is taken back. Pure. */

import type { Change } from "../core/healing.ts";
import { canonicalJson } from "../core/json.ts";

/** What of an overlay is changed: all but who put it, when and why. */
export type Content = Readonly<Record<string, unknown>>;

/**
 * Lays changes into an overlay's content; what they do not name stays as it is.
 *
 * Shape: a path leads through objects, which are made where they are missing; an absent value takes
 * the field out, and with it each object that is empty then.
 */
export function applyChanges<T extends object>(content: T, changes: readonly Change[]): T {
  const changed = changes.reduce<unknown>(
    (inner, { path, value }) => setAt(inner, path, value) ?? {},
    content,
  );
  return { ...emptied(content), ...changed as T };
}

/** What of the content has to stay although nothing is left in it. */
function emptied(content: object): object {
  return "steps" in content ? { steps: {} } : {};
}

/** Returns the changes that put back what a content has at the same paths. */
export function inverseOf(content: object, changes: readonly Change[]): readonly Change[] {
  return changes.map(({ path }) => ({ path, value: valueAt(content, path) }));
}

/** Returns the paths at which a content has no longer what was put there: others' changes win. */
export function conflictsOf(content: object, changes: readonly Change[]): readonly string[] {
  return changes
    .filter(({ path, value }) => canonicalJson(valueAt(content, path)) !== canonicalJson(value))
    .map(({ path }) => path.join("."));
}

/** Returns the value at a path; undefined where nothing is. */
export function valueAt(content: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined,
    content,
  );
}

function setAt(inner: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const { [key]: before, ...others } = isObject(inner) ? inner : {};
  const after = setAt(before, rest, value);
  if (after === undefined) return Object.keys(others).length === 0 ? undefined : others;
  return { ...others, [key]: after };
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
