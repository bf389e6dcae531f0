/** Handlers of workflows. */

import { TaskerError } from "../core/errors.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import { isDelivery } from "../core/webhook.ts";
import type { StartableWorkflow } from "../core/ports.ts";
import { compareVersions } from "../core/version.ts";
import { versionBreaks } from "../core/version_breaks.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import type { WORKFLOWS } from "../operations/workflows.ts";
import { type Caller, demandStartable } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";

/** A definition under its hash. */
export interface StoredDefinition {
  readonly hash: string;
  readonly definition: Definition;
}

/** Handlers of everything that shows workflows. */
export function workflowHandlers(
  { definitions, starts }: Services,
): Handlers<typeof WORKFLOWS> {
  const startsOf = (of: Pick<Definition, "namespace" | "name">) => {
    const [version, file] = [starts.versionOf(workflowName(of)), starts.fileOf(workflowName(of))];
    return {
      ...(version !== undefined && { starts: version }),
      ...(file !== undefined && { file }),
    };
  };
  return {
    listStartable(input, { caller }) {
      const { workflow, cursor = "" } = input;
      const found = starts.list().filter(({ definition }) => {
        const name = workflowName(definition);
        return (workflow === undefined ? name > cursor : name === workflow) &&
          definition.namespace !== OWN_NAMESPACE && caller.covers(definition.namespace);
      });
      return Promise.resolve({ status: 200, body: startablePage(found, input.limit) });
    },
    checkStart({ workflow, version, input }, { caller }) {
      demandStartable(workflow, caller);
      const request = { workflow, input, ...(version !== undefined && { version }) };
      const { hash, definition, input: taken } = starts.check(request);
      const body = { workflow, version: definition.version, definitionHash: hash, input: taken };
      return Promise.resolve({ status: 200, body });
    },
    async listWorkflows(_input, { caller }) {
      const stored = await definitions.list();
      const covered = stored.filter(({ definition: { namespace } }) =>
        namespace !== OWN_NAMESPACE && caller.covers(namespace)
      );
      return { status: 200, body: { workflows: summariesOf(covered, startsOf) } };
    },
    async getWorkflow({ namespace, name }, { caller }) {
      const versions = await versionsOf(definitions, { namespace, name, caller });
      const body = { namespace, name, ...startsOf({ namespace, name }) };
      return { status: 200, body: { ...body, versions: versions.map(versionDocument) } };
    },
    async compareVersions({ from, to, ...of }, { caller }) {
      const [before, after] = await Promise.all(
        [from, to].map((version) => versionOf(definitions, { ...of, version, caller })),
      );
      const breaks = before && after ? versionBreaks(before, after) : [];
      return { status: 200, body: { breaks: [...breaks] } };
    },
  };
}

/**
 * Returns every version of a workflow that the caller may see, the highest first.
 *
 * @throws {TaskerError} definition.unknown
 */
export async function versionsOf(
  definitions: Services["definitions"],
  { namespace, name, caller }: {
    readonly namespace: string;
    readonly name: string;
    readonly caller: Caller;
  },
): Promise<readonly StoredDefinition[]> {
  // The definition of a webhook's deliveries has its URL, which can be a secret.
  const isSeen = caller.covers(namespace) && (caller.has("admin") || !isDelivery(namespace, name));
  const stored = isSeen ? await definitions.list() : [];
  const found = stored.filter(({ definition: of }) =>
    of.namespace === namespace && of.name === name
  );
  if (found.length > 0) return highestFirst(found);
  throw new TaskerError("definition.unknown", `Cannot find workflow "${namespace}/${name}"`);
}

/**
 * Returns one version of a workflow that the caller may see.
 *
 * @throws {TaskerError} definition.unknown
 */
export async function versionOf(
  definitions: Services["definitions"],
  { version, ...of }: {
    readonly namespace: string;
    readonly name: string;
    readonly version: string;
    readonly caller: Caller;
  },
): Promise<Definition> {
  const versions = await versionsOf(definitions, of);
  const found = versions.find(({ definition }) => definition.version === version);
  if (found !== undefined) return found.definition;
  throw unknownPart({ ...of, version }, "is not stored");
}

/** Makes the error of a version, or of a part of it, that does not exist. */
export function unknownPart(
  of: Pick<Definition, "namespace" | "name" | "version">,
  why: string,
): TaskerError {
  return new TaskerError(
    "definition.unknown",
    `Cannot find version ${of.version} of workflow "${workflowName(of)}": it ${why}`,
  );
}

/** A page ends early rather than being larger than this, in characters of contracts. */
const PAGE_SIZE_MAX = 1024 * 1024;

function startablePage(found: readonly StartableWorkflow[], limit: number) {
  const workflows: ReturnType<typeof startableDocument>[] = [];
  for (let size = 0; workflows.length < limit && size < PAGE_SIZE_MAX;) {
    const next = found[workflows.length];
    if (next === undefined) break;
    const document = startableDocument(next);
    size += JSON.stringify(document).length;
    workflows.push(document);
  }
  const last = workflows.at(-1);
  const isMore = workflows.length < found.length && last !== undefined;
  return { workflows, ...(isMore && { nextCursor: last.workflow }) };
}

function startableDocument({ definition, description }: StartableWorkflow) {
  const { version, input, output, steps } = definition;
  return {
    workflow: workflowName(definition),
    version,
    ...(description !== undefined && { description }),
    steps: steps.length,
    ...(input !== undefined && { input }),
    ...(output?.success !== undefined && { output: output.success }),
    gives: output !== undefined,
  };
}

function summariesOf(
  stored: readonly StoredDefinition[],
  startsOf: (of: Definition) => { readonly starts?: string; readonly file?: string },
) {
  const byName = Map.groupBy(stored, ({ definition: of }) => `${of.namespace}/${of.name}`);
  return [...byName.values()].map(highestFirst).flatMap((versions) => {
    const highest = versions[0]?.definition;
    if (highest === undefined) return [];
    return [{
      namespace: highest.namespace,
      name: highest.name,
      versions: versions.map(({ definition }) => definition.version),
      ...startsOf(highest),
      steps: highest.steps.length,
    }];
  }).sort((one, other) =>
    `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1
  );
}

/** In the order in which a start without a version chooses. */
function highestFirst(stored: readonly StoredDefinition[]): readonly StoredDefinition[] {
  return stored.toSorted(({ definition: one }, { definition: other }) =>
    compareVersions(other.version, one.version)
  );
}

function versionDocument({ hash, definition }: StoredDefinition) {
  return { version: definition.version, hash, definition, edges: edgesOf(definition) };
}

function edgesOf({ steps }: Definition) {
  return steps.flatMap(({ name: to, needs, after }) => {
    const needed = new Set(Object.values(needs));
    const data = [...needed].map((from) => ({ from, to, kind: "data" as const }));
    const order = after.filter((from) => !needed.has(from))
      .map((from) => ({ from, to, kind: "order" as const }));
    return [...data, ...order];
  });
}
