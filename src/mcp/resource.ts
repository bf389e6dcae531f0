/** Resources: what a client may read by its address. */

import type {
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
} from "@modelcontextprotocol/server";
import { NOTICE } from "./result.ts";
import type { McpSession } from "./session.ts";
import { shown, shownText } from "./shown.ts";

/** Entries of one list that a client is shown. */
const LISTED_MAX = 100;

/** Values that fit what a person has typed, at most. */
const COMPLETIONS_MAX = 100;

/** Resources of one kind. */
export interface ResourceKind {
  /** `tasker://task/{id}`; absent: only what is listed is there. */
  readonly template?: ResourceTemplateType;
  /** Some of them, for people to choose from. */
  list?(session: McpSession): Promise<readonly Resource[]>;
  /** Reads one; undefined: the address is that of another kind. */
  read(uri: string, session: McpSession): Promise<ReadResourceResult | undefined>;
  /** Values of a part of the template that begin with a text. */
  complete?(part: string, text: string, session: McpSession): Promise<readonly string[]>;
}

/** One kind: where it is, and what is there. */
interface Kind {
  readonly template: string;
  readonly name: string;
  readonly description: string;
  list?(session: McpSession): Promise<readonly Omit<Resource, "mimeType">[]>;
  value(parts: Readonly<Record<string, string>>, session: McpSession): Promise<unknown>;
  complete?(part: string, session: McpSession): Promise<readonly string[]>;
}

/** What this server lets clients read. */
export const RESOURCES: readonly ResourceKind[] = [
  kindOf({
    template: "tasker://workflow/{namespace}/{name}",
    name: "workflow",
    description: "Every version of a workflow, with contracts and graph",
    async list({ client }) {
      const workflows = await client.workflows.list();
      return workflows.slice(0, LISTED_MAX).map(({ namespace, name, starts }) => ({
        uri: `tasker://workflow/${namespace}/${name}`,
        name: `${namespace}/${name}`,
        description: starts === undefined
          ? "Workflow; none of its versions can be started here"
          : `Workflow; starts take version ${starts}`,
      }));
    },
    value: ({ namespace, name }, { client }) => client.workflows.get(`${namespace}/${name}`),
    async complete(part, { client }) {
      const workflows = await client.workflows.list();
      return [...new Set(workflows.map((one) => part === "namespace" ? one.namespace : one.name))];
    },
  }),
  kindOf({
    template: "tasker://task/{id}",
    name: "task",
    description: "A task with its steps",
    value: ({ id = "" }, { client }) => client.get(id),
    complete: (_part, session) => recentTasks(session),
  }),
  kindOf({
    template: "tasker://task/{id}/journal",
    name: "journal",
    description: "The first events of a task's journal; get_task_timeline reads on",
    value: ({ id = "" }, { client }) => client.call("getJournal", { id }),
    complete: (_part, session) => recentTasks(session),
  }),
  kindOf({
    template: "tasker://incident/{id}",
    name: "incident",
    description: "An incident: what, why, what was done, and its effect",
    value: ({ id: incident = "" }, { client }) => client.call("getIncident", { incident }),
    complete: (_part, session) => recentIncidents(session),
  }),
];

/** Ids of the newest tasks. */
export async function recentTasks({ client }: McpSession): Promise<readonly string[]> {
  return (await client.call("listTasks", { limit: LISTED_MAX })).tasks.map(({ id }) => id);
}

/** Ids of the newest incidents. */
export async function recentIncidents({ client }: McpSession): Promise<readonly string[]> {
  return (await client.call("listIncidents", { limit: LISTED_MAX })).incidents.map(({ id }) => id);
}

function kindOf({ template, name, description, list, value, complete }: Kind): ResourceKind {
  const pattern = new RegExp(`^${template.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
  return {
    template: { uriTemplate: template, name, description, mimeType: "application/json" },
    list: async (session) =>
      (await list?.(session) ?? []).map((one) => ({ ...one, mimeType: "application/json" })),
    async read(uri, session) {
      const parts = pattern.exec(uri)?.groups;
      if (parts === undefined) return undefined;
      const decoded = Object.entries(parts).map(([part, text]) => [part, decodePart(text)]);
      return jsonContents(uri, await value(Object.fromEntries(decoded), session));
    },
    async complete(part, text, session) {
      return startingWith(text, await complete?.(part, session) ?? []);
    },
  };
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The values that begin with what was typed. */
export function startingWith(text: string, values: readonly string[]): readonly string[] {
  return values.filter((value) => value.startsWith(text)).slice(0, COMPLETIONS_MAX);
}

/** A value as a resource, marked as data. */
export function jsonContents(uri: string, value: unknown): ReadResourceResult {
  const { value: data, leftOut } = shown(value);
  const text = JSON.stringify({ notice: NOTICE, ...(leftOut > 0 && { left_out: leftOut }), data });
  return { contents: [{ uri: shownText(uri), mimeType: "application/json", text }] };
}
