/** Routes of workflows: definitions with their contracts and graphs. */

import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import { Name } from "../core/fields.ts";
import { compareVersions } from "../core/version.ts";
import type { Definition } from "../core/workflow.ts";
import { type Route, route } from "./route.ts";
import { named } from "./schema.ts";
import type { Services } from "./services.ts";

/** A definition under its hash. */
export interface Stored {
  readonly hash: string;
  readonly definition: Definition;
}

const Summary = z.object({
  namespace: z.string(),
  name: z.string(),
  versions: z.array(z.string()).describe("The highest first; a start without a version takes it"),
  steps: z.int().describe("Of the highest version"),
});

const WorkflowList = named("WorkflowList", z.object({ workflows: z.array(Summary) }));

const Edge = z.object({
  from: z.string(),
  to: z.string(),
  kind: z.enum(["data", "order"]),
});

const Workflow = named(
  "Workflow",
  z.object({
    namespace: z.string(),
    name: z.string(),
    versions: z.array(z.object({
      version: z.string(),
      hash: z.string(),
      definition: z.looseObject({}).describe("Steps with their contracts as JSON Schema"),
      edges: z.array(Edge),
    })).describe("The highest first"),
  }),
);

/** All routes that show workflows. */
export function workflowRoutes({ definitions }: Services): readonly Route[] {
  const common = { method: "GET", group: "workflows", right: "read", repeat: "harmless" } as const;
  return [
    route({
      ...common,
      path: "/v1/workflows",
      name: "listWorkflows",
      summary: "Lists the workflows of the key's namespaces",
      answers: { 200: { description: "By name", schema: WorkflowList } },
      problems: [],
      async handle({ caller }) {
        const stored = await definitions.list();
        const covered = stored.filter(({ definition }) => caller.covers(definition.namespace));
        return { status: 200, body: { workflows: summariesOf(covered) } };
      },
    }),
    route({
      ...common,
      path: "/v1/workflows/{namespace}/{name}",
      name: "getWorkflow",
      summary: "Shows every version of a workflow: contracts as JSON Schema, and the graph",
      params: z.strictObject({ namespace: Name, name: Name }),
      answers: { 200: { description: "The workflow", schema: Workflow } },
      problems: ["definition.unknown"],
      async handle({ caller, params: { namespace, name } }) {
        const found = caller.covers(namespace)
          ? await versionsOf(definitions, namespace, name)
          : [];
        if (found.length === 0) throw unknownWorkflow(namespace, name);
        return { status: 200, body: { namespace, name, versions: found.map(versionDocument) } };
      },
    }),
  ];
}

/** Every version of a workflow, the highest first. */
export async function versionsOf(
  definitions: Services["definitions"],
  namespace: string,
  name: string,
): Promise<readonly Stored[]> {
  const stored = await definitions.list();
  return highestFirst(
    stored.filter(({ definition: of }) => of.namespace === namespace && of.name === name),
  );
}

/** The error of a workflow that is not there, or not to be seen. */
export function unknownWorkflow(namespace: string, name: string): TaskerError {
  return new TaskerError("definition.unknown", `Cannot find workflow "${namespace}/${name}"`);
}

function summariesOf(stored: readonly Stored[]): z.infer<typeof Summary>[] {
  const byName = Map.groupBy(stored, ({ definition: of }) => `${of.namespace}/${of.name}`);
  return [...byName.values()].map(highestFirst).flatMap((versions) => {
    const highest = versions[0]?.definition;
    if (highest === undefined) return [];
    return [{
      namespace: highest.namespace,
      name: highest.name,
      versions: versions.map(({ definition }) => definition.version),
      steps: highest.steps.length,
    }];
  }).sort((one, other) =>
    `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1
  );
}

/** In the order in which a start without a version chooses. */
function highestFirst(stored: readonly Stored[]): readonly Stored[] {
  return stored.toSorted(({ definition: one }, { definition: other }) =>
    compareVersions(other.version, one.version)
  );
}

function versionDocument({ hash, definition }: Stored) {
  return { version: definition.version, hash, definition, edges: edgesOf(definition) };
}

function edgesOf({ steps }: Definition): z.infer<typeof Edge>[] {
  return steps.flatMap(({ name: to, needs, after }) => {
    const needed = new Set(Object.values(needs));
    const data = [...needed].map((from) => ({ from, to, kind: "data" as const }));
    const order = after.filter((from) => !needed.has(from))
      .map((from) => ({ from, to, kind: "order" as const }));
    return [...data, ...order];
  });
}
