/** Drafts that are kept while the tab is open, and what each began as. */

import { applyPatch, structuredPatch } from "diff";
import type { Fields } from "../../../src/author/document.ts";
import { edit } from "../../../src/author/edit.ts";
import { YAML } from "../../../src/author/yaml_language.ts";

/** The deployment that a draft began as. */
export interface Base {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version: string;
  /** 1, 2, … in the history of the workflow: a higher one was deployed later. */
  readonly entry: number;
  readonly text: string;
}

/** What is kept of a draft. */
interface Kept {
  readonly file: string;
  readonly text: string;
  readonly base?: Base | undefined;
  /** Whose it is: another person who signs in here does not get it. */
  readonly by: string;
}

/** Where a draft is kept: each workflow that is opened by its address has a place of its own. */
export function placeOf(workflow: string | undefined): string {
  return workflow === undefined ? "tasker.builder" : `tasker.builder ${workflow}`;
}

/** The draft that was kept for a person. */
export function keptDraft(place: string, by: string): Kept | undefined {
  try {
    const kept: Kept = JSON.parse(sessionStorage.getItem(place) ?? "null");
    if (typeof kept.file === "string" && typeof kept.text === "string" && kept.by === by) {
      return kept;
    }
  } catch {
    // What is not readable any more was of another version of the app.
  }
  return undefined;
}

/** Keeps a draft, if there is room. */
export function keepDraft(place: string, draft: Kept): void {
  try {
    sessionStorage.setItem(place, JSON.stringify(draft));
  } catch {
    // Storage may be full or forbidden: then a reload forgets what was not deployed.
  }
}

/** The workflow that a document is of. */
export function workflowOf({ namespace = "default", name }: Fields): string {
  return `${String(namespace)}/${String(name)}`;
}

/**
 * A newer text with the changes of a draft. Its version is the newer one's, because each draft raises
 * it. Undefined: both change the same lines, or the draft cannot be read.
 */
export function mergedText(
  base: Pick<Base, "text" | "version">,
  draft: string,
  newer: string,
): string | undefined {
  const reading = YAML.read("draft.yaml", draft);
  if (!reading.ok) return undefined;
  const { text } = edit(reading.document, [
    { kind: "set", field: ["version"], value: base.version },
  ]);
  const changes = structuredPatch("", "", base.text, text, undefined, undefined, { context: 2 });
  const merged = applyPatch(newer, changes);
  return merged === false || !YAML.read("draft.yaml", merged).ok ? undefined : merged;
}
