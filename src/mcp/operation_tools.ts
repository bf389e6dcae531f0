/**
 * Tools of operations: each sends one operation of the table under the caller's key. What it takes, whether
 * it changes something and who may use it come from there; a few say more here.
 */

import type { CallName, OperationInput, OperationResult, Task } from "../client.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { faultsOf } from "../core/faults.ts";
import { inputJsonSchemaOf, type Operation } from "../operations/operation.ts";
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "../operations/schema.ts";
import { operationNamed } from "../operations/table.ts";
import { isTerminal } from "../core/state.ts";
import { BadArguments } from "./failure.ts";
import { valueResult } from "./result.ts";
import { startedResult, startPreview } from "./started.ts";
import type { Hints, Tool, ToolCall, ToolResult } from "./tool.ts";

type Args = Readonly<Record<string, unknown>>;
type Json = Readonly<Record<string, unknown>>;

/** What says that nothing is to be changed. */
const DRY_RUN: JsonSchema = {
  type: "boolean",
  default: false,
  description: "Says what would change, and changes nothing",
};

/** What names a write. */
const KEY: JsonSchema = {
  type: "string",
  minLength: 1,
  maxLength: IDEMPOTENCY_KEY_LENGTH_MAX,
  description: "Names this call: a repeat under the same key changes nothing",
};

/** What a write has changed, line by line, and how it is undone. */
interface Change {
  readonly diff: readonly string[];
  /** The call that undoes it. */
  readonly undo: { readonly tool: string; readonly arguments: Json } | null;
  readonly undo_note?: string;
}

/** How a tool differs from its operation. */
interface OperationTool<Name extends CallName> {
  readonly name: string;
  readonly title: string;
  readonly operation: Name;
  /** After the operation's own summary. */
  readonly more?: string;
  readonly hints?: Partial<Hints>;
  /** More fields of the arguments than the operation has. */
  readonly fields?: Readonly<Record<string, JsonSchema>>;
  /** Says what would change, and changes nothing. */
  readonly dryRun?: (args: Args, call: ToolCall) => Promise<Json>;
  /** What has changed. */
  readonly change?: (answer: OperationResult<Name>, args: Args) => Change;
  /** What is answered, where that is not the operation's answer. */
  readonly answer?: (answer: OperationResult<Name>, call: ToolCall) => ToolResult;
}

/** The tools that send one operation each. */
export const OPERATION_TOOLS: readonly Tool[] = [
  toolOf({
    name: "search_tasks",
    title: "Search tasks",
    operation: "listTasks",
    more: "A page at a time: pass `nextCursor` as `cursor`",
  }),
  toolOf({
    name: "get_task",
    title: "Get a task",
    operation: "getTask",
  }),
  toolOf({
    name: "get_task_timeline",
    title: "Read the timeline of a task",
    operation: "getJournal",
    more: "A page at a time: pass `nextAfterTurn` as `afterTurn`",
  }),
  toolOf({
    name: "start_task",
    title: "Start a task",
    operation: "startTask",
    more: "Give `key` to be able to repeat the call without starting twice",
    hints: { openWorldHint: true },
    fields: { key: KEY },
    dryRun: ({ workflow, version, input }, call) =>
      startPreview({ workflow, version, input } as OperationInput<"checkStart">, call),
    answer: startedResult,
  }),
  toolOf({
    name: "cancel_task",
    title: "Cancel a task",
    operation: "cancelTask",
    hints: { destructiveHint: true },
    dryRun: async ({ id }, { client, signal }) =>
      cancelPreview(await client.get(String(id), { signal })),
    change: ({ changed }, { id }) => ({
      diff: changed ? [`task ${id}: under way → cancelled`] : [],
      undo: null,
      undo_note: "A cancelled task does not go on; start a new one",
    }),
  }),
  toolOf({
    name: "list_incidents",
    title: "List incidents",
    operation: "listIncidents",
    more: "A page at a time: pass `nextCursor` as `cursor`",
  }),
  toolOf({ name: "whatif", title: "Try a policy on past tasks", operation: "whatifWorkflow" }),
  toolOf({
    name: "validate_workflow",
    title: "Validate a workflow",
    operation: "checkDocument",
    more: "Problems have codes, places and, where one is certain, a fix as edits",
  }),
];

function toolOf<Name extends CallName>(of: OperationTool<Name>): Tool {
  const operation = operationNamed(of.operation);
  const { right, summary } = operation;
  return {
    name: of.name,
    title: of.title,
    description: of.more === undefined ? summary : `${summary}. ${of.more}`,
    inputSchema: schemaOf(operation, of),
    hints: { ...hintsOf(operation), ...of.hints },
    scopes: right === "open" || right === "key" ? [] : [right],
    call: (args, call) => callOperation(operation, of, args, call),
  };
}

/** What hosts may assume of an operation. A signal or a start is an addition, and destroys nothing. */
function hintsOf({ right, repeat }: Operation): Hints {
  return {
    readOnlyHint: right === "read",
    destructiveHint: false,
    idempotentHint: right === "read" || repeat === "harmless",
    openWorldHint: false,
  };
}

function schemaOf(
  operation: Operation,
  { fields, dryRun }: Pick<OperationTool<CallName>, "fields" | "dryRun">,
): JsonSchema {
  const { $schema: _, properties, ...schema } = inputJsonSchemaOf(operation);
  return {
    ...schema,
    properties: {
      ...properties as Json,
      ...fields,
      ...(dryRun !== undefined && { dry_run: DRY_RUN }),
    },
  };
}

async function callOperation<Name extends CallName>(
  operation: Operation,
  { operation: name, dryRun, change, answer: view, fields = {} }: OperationTool<Name>,
  args: Args,
  call: ToolCall,
): Promise<ToolResult> {
  const { dry_run: isDry = call.isDryRun, ...given } = args;
  if (isDry !== false && dryRun !== undefined) {
    return valueResult({ dry_run: true, ...await dryRun(given, call) });
  }
  demandPath(operation, given);
  const { client, signal } = call;
  const idempotencyKey = typeof args.key === "string" ? args.key : call.idempotencyKey;
  // The operation's own schemas check it, where it arrives.
  const input = without(given, Object.keys(fields)) as OperationInput<Name>;
  const answer = await client.call(name, input, { signal, idempotencyKey });
  if (view !== undefined) return view(answer, call);
  return valueResult({ ...answer as Json | undefined, ...change?.(answer, given) });
}

function without(args: Args, names: readonly string[]): Args {
  return Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)));
}

/**
 * Refuses to send without the parts of the path: they would become the address of something else.
 *
 * @throws {BadArguments}
 */
function demandPath({ params }: Operation, args: Args): void {
  const path = Object.keys(params.shape).map((name) => [name, args[name]]);
  const { error } = params.safeParse(Object.fromEntries(path));
  if (error === undefined) return;
  const faults = faultsOf(error, "");
  const detail = faults.map(({ path, detail }) => `${path}: ${detail}`).join("; ");
  throw new BadArguments(`Cannot read the arguments: ${detail}`, faults);
}

function cancelPreview({ id, state, steps }: Task): Json {
  if (isTerminal(state)) return { diff: [], says: `Task ${id} has ended already: ${state}` };
  const running = steps.filter((step) => step.state === "running").map(({ name }) => name);
  return { diff: [`task ${id}: ${state} → cancelled`], asked_to_stop: running };
}
