/** Workflows as tools: what a workflow takes and gives is what its tool takes and gives. */

import type { Client, OperationResult } from "../client.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { valueResult } from "./result.ts";
import { shownText } from "./shown.ts";
import { inputFrom, inputSchemaFor, outputSchemaFor } from "./tool_schema.ts";
import { startedResult, startPreview } from "./started.ts";
import type { Tool } from "./tool.ts";

/** The longest name of a tool that clients take. */
const NAME_LENGTH_MAX = 64;

/** What parts namespace and name. */
const BETWEEN = "__";

/** Hex digits by which long names differ. */
const HASH_LENGTH = 8;

/** Characters of a description. */
const DESCRIPTION_LENGTH_MAX = 600;

/** Workflows that are looked through at once for a name that was cut. */
const PAGE_MAX = 200;

/** How long a client that does not follow tasks waits for the end, in milliseconds. */
const WAIT_MS = 10_000;

/** What a key needs to see and to start workflows. */
export const WORKFLOW_SCOPES = ["read", "write"] as const;

/** What can be started. */
type Startable = OperationResult<"listStartable">["workflows"][number];

/** A page of tools. */
interface ToolPage {
  readonly tools: readonly Tool[];
  readonly next: string | undefined;
}

/** Reads a page of the workflows that the key may start, as tools. */
export async function workflowTools(
  client: Client,
  { cursor, limit }: { readonly cursor: string; readonly limit: number },
): Promise<ToolPage> {
  const page = await client.call("listStartable", { cursor, limit });
  return { tools: page.workflows.map(toolOf), next: page.nextCursor };
}

/** Finds the tool of a workflow by its name; undefined: there is none that the key may see. */
export async function findWorkflowTool(client: Client, name: string): Promise<Tool | undefined> {
  const workflow = workflowIn(name);
  if (workflow !== undefined) {
    const { workflows: [found] } = await client.call("listStartable", { workflow });
    if (found !== undefined) return toolOf(found);
  }
  if (name.length !== NAME_LENGTH_MAX) return undefined;
  for await (const startable of client.entries("listStartable", { limit: PAGE_MAX })) {
    if (toolName(startable.workflow) === name) return toolOf(startable);
  }
}

function toolOf(startable: Startable): Tool {
  const { workflow, version, description, steps } = startable;
  const text = description ?? `Runs the workflow ${workflow}`;
  return {
    name: toolName(workflow),
    title: workflow,
    description: `${shownText(text, DESCRIPTION_LENGTH_MAX)} (workflow ${workflow} ${version}, ` +
      `${steps} ${steps === 1 ? "step" : "steps"}; the call is a durable task)`,
    inputSchema: inputSchemaFor(startable.input as JsonSchema | undefined),
    outputSchema: outputSchemaFor(startable.output as JsonSchema | undefined),
    // What its steps do is up to other systems.
    hints: {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: false,
      openWorldHint: true,
    },
    scopes: WORKFLOW_SCOPES,
    kind: "workflow",
    async call(args, call) {
      const input = inputFrom(startable.input as JsonSchema | undefined, args);
      if (call.isDryRun) {
        return valueResult({ dry_run: true, ...await startPreview({ workflow, input }, call) });
      }
      const { client, idempotencyKey, signal, followsTasks } = call;
      const waitMs = followsTasks ? 0 : WAIT_MS;
      const request = { workflow, input, waitMs };
      const task = await client.call("startTask", request, { idempotencyKey, signal });
      return startedResult(task, call);
    },
  };
}

/**
 * Names the tool of a workflow: `namespace__name`, which clients take that know no slash and no dot. A
 * name that could be read in two ways, or is too long, is cut and ends in a hash.
 */
export function toolName(workflow: string): string {
  const name = workflow.replace("/", BETWEEN);
  if (name.length <= NAME_LENGTH_MAX && workflowIn(name) === workflow) return name;
  const kept = NAME_LENGTH_MAX - HASH_LENGTH - 1;
  return `${name.slice(0, kept).padEnd(kept, "_")}_${hashOf(workflow)}`;
}

/** The workflow that a name stands for that was not cut; undefined: for none. */
function workflowIn(name: string): string | undefined {
  const parts = name.split(BETWEEN);
  const [namespace = "", ...rest] = parts;
  const isPlain = parts.length === 2 && parts.every((part) => /^[a-z0-9-][a-z0-9_-]*$/.test(part));
  return isPlain && !namespace.endsWith("_") ? `${namespace}/${rest[0]}` : undefined;
}

/** FNV-1a of 32 bits (RFC 9923): two long names rarely share one. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(HASH_LENGTH, "0");
}
