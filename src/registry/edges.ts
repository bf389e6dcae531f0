/** Edges: whether steps hang together, before they are planned. */

import { TaskerError } from "../core/errors.ts";
import { packGraph } from "../core/graph.ts";
import type { Draft } from "./draft.ts";
import { type Faults, suggest } from "./fault.ts";

/** The alias under which `with` finds the task's input. */
const INPUT = "input";

/** Adds a fault for each name that is taken, each edge that leads nowhere, and for one cycle. */
export function checkEdges(drafts: readonly Draft[], faults: Faults): void {
  const byName = new Map<string, Draft>();
  for (const draft of drafts) {
    if (byName.has(draft.name)) {
      faults.add(draft.place("name"), "name_taken", `two steps are named "${draft.name}"`);
    } else byName.set(draft.name, draft);
  }
  for (const draft of drafts) checkParents(draft, byName, faults);
  checkCircle([...byName.values()], faults);
}

function checkParents(draft: Draft, byName: ReadonlyMap<string, Draft>, faults: Faults): void {
  const { needs, after, when, place } = draft;
  for (const [alias, name] of Object.entries(needs)) {
    const field = `needs.${alias}`;
    checkParent(draft, name, field, byName, faults);
    if (alias === INPUT) {
      faults.add(
        place(field),
        "bad_alias",
        `"${INPUT}" is the task's input, expected another name`,
      );
    }
    if (byName.get(name)?.kind === "sleep") {
      faults.add(place(field), "gives_nothing", `sleep "${name}" gives nothing: name it in after`);
    }
  }
  for (const name of after) checkParent(draft, name, "after", byName, faults);
  const isRoot = Object.keys(needs).length + after.length === 0;
  if (isRoot && (when === "failed" || when === "cancelled")) {
    faults.add(
      place("when"),
      "when_without_parents",
      `"${when}" waits for parents, and it has none`,
    );
  }
}

function checkParent(
  { place }: Draft,
  name: string,
  field: string,
  byName: ReadonlyMap<string, Draft>,
  faults: Faults,
): void {
  if (byName.has(name)) return;
  faults.add(
    place(field),
    "unknown_step",
    `no step is named "${name}"${suggest(name, byName.keys())}`,
  );
}

/** Edges that lead nowhere have their own fault and are left out. */
function checkCircle(drafts: readonly Draft[], faults: Faults): void {
  const indexOf = new Map(drafts.map(({ name }, index) => [name, index]));
  try {
    packGraph(drafts.map(({ name, needs, after, when }) => ({
      name,
      when,
      parents: [...Object.values(needs), ...after].flatMap((parent) => indexOf.get(parent) ?? []),
    })));
  } catch (thrown) {
    if (!(thrown instanceof TaskerError)) throw thrown;
    const first = /"([^"]*)"/.exec(thrown.message)?.[1] ?? "";
    const draft = drafts[indexOf.get(first) ?? 0];
    if (draft !== undefined) faults.add(draft.place("after"), thrown.code, thrown.message);
  }
}
