/** Tools: what a client may call, and what a call answers. */

import type {
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  Tool as Listed,
} from "@modelcontextprotocol/server";
import type { Client, Key } from "../client.ts";
import type { Scope } from "../core/api_key.ts";
import type { JsonSchema } from "../core/workflow.ts";
import type { TaskHandle } from "./task_handle.ts";

/** What hosts may assume of a tool. They are hints: scopes are what holds. */
export type Hints = Readonly<Required<Omit<NonNullable<Listed["annotations"]>, "title">>>;

/** How far a call is. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  readonly says?: string;
}

/** Who calls, and how, beside the arguments. */
export interface ToolCall {
  /** Tasker under the caller's own key: what it may not do is refused there. */
  readonly client: Client;
  readonly key: Key;
  /** The client follows tasks by itself (SEP-2663). */
  readonly followsTasks: boolean;
  /** What the client says that it can do. */
  readonly capabilities: ClientCapabilities;
  /** What the client brings from people, by the names of the questions. Untrusted. */
  readonly answers: Readonly<Record<string, unknown>>;
  /** What an earlier round of the same call sealed. */
  readonly state: unknown;
  /** Seals what a later round of the same call, under the same key, has to be sure of. */
  seal(state: unknown): Promise<string>;
  /** Stands for a text, as hex digits: no other text has the same. */
  digest(text: string): string;
  /** Says how far the call is, to a client that asked. */
  report(progress: Progress): Promise<void>;
  /** Nothing is to be changed: the client wants to see what would be. */
  readonly isDryRun: boolean;
  /** Names the call, so that a repeat changes nothing. */
  readonly idempotencyKey: string | undefined;
  readonly signal: AbortSignal;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
}

/** What a call answers. */
export type ToolResult = CallToolResult | InputRequiredResult | TaskHandle;

/** One tool. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly hints: Hints;
  /** Without one of them the tool is not listed; Tasker refuses the call in any case. */
  readonly scopes: readonly Scope[];
  /** It also needs one of these, unless it is absent. */
  readonly anyOf?: readonly Scope[];
  /** One of many: they are counted together. */
  readonly kind?: "workflow";
  call(args: Readonly<Record<string, unknown>>, call: ToolCall): Promise<ToolResult>;
}

/** Whether a key may use a tool. */
export function mayUse(
  { scopes }: Pick<Key, "scopes">,
  { scopes: all, anyOf }: Pick<Tool, "scopes" | "anyOf">,
): boolean {
  if (scopes.includes("admin")) return true;
  return all.every((scope) => scopes.includes(scope)) &&
    (anyOf?.some((scope) => scopes.includes(scope)) ?? true);
}

/** Shows a tool in a list. */
export function listedTool(tool: Tool): Listed {
  const { name, title, description, inputSchema, outputSchema, hints } = tool;
  return {
    name,
    title,
    description,
    inputSchema: inputSchema as Listed["inputSchema"],
    ...(outputSchema !== undefined && {
      outputSchema: outputSchema as NonNullable<Listed["outputSchema"]>,
    }),
    annotations: { title, ...hints },
  };
}
