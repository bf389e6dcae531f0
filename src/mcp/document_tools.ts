/**
 * Tools of documents: what is wrong with a workflow, what a change would do, and the change itself, which
 * a person has to approve. Nothing that a client says of an approval is trusted but what was sealed here.
 */

import { acceptedContent, inputRequired } from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Client, ClientError, type OperationInput, type OperationResult } from "../client.ts";
import { EVERYTHING } from "../core/api_key.ts";
import { changedLines } from "../core/changed_lines.ts";
import { hideSecrets } from "../core/redaction.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { inputJsonSchemaOf } from "../operations/operation.ts";
import { operationNamed } from "../operations/table.ts";
import { questionAbout } from "./approval_question.ts";
import { BadArguments, type Failure } from "./failure.ts";
import { failureResult, valueResult } from "./result.ts";
import { shownText } from "./shown.ts";
import type { Hints, Tool, ToolCall, ToolResult } from "./tool.ts";

type Args = Readonly<Record<string, unknown>>;
type Report = OperationResult<"deployWorkflow">;

/** The name of the question. */
const APPROVAL = "approval";

/** What a person answers. */
const Approval = z.object({
  approve: z.boolean().describe("Whether it is deployed"),
  reason: z.string().max(500).optional().describe("Why, for the history"),
});

/**
 * What was asked about, sealed: the change that is applied is the one that was shown. The hash of its
 * definition would not do: policies have no part in that.
 */
const Asked = z.strictObject({ digest: z.string(), before: z.string().optional() });
type Asked = z.output<typeof Asked>;

const READS: Hints = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

const { edits: EDITS } = fieldsOf("editDocument");
const { input: INPUT, failures: FAILURES } = fieldsOf("simulateDocument");
const { description: DESCRIPTION } = fieldsOf("generateWorkflow");

/** Which document is meant. */
const OF_DOCUMENT: Readonly<Record<string, JsonSchema>> = {
  workflow: { type: "string", description: "`namespace/name` of a workflow that was deployed" },
  text: { type: "string", description: "A manifest as YAML, instead of a deployed one" },
  edits: { ...EDITS, description: "Changes of it, one after the other" },
};

/** The tools. */
export const DOCUMENT_TOOLS: readonly Tool[] = [
  {
    name: "simulate_change",
    title: "Simulate a change of a workflow",
    description:
      "Rehearses a workflow, with changes or without, on a virtual clock: the good path, and " +
      "each step failing. Nothing is sent or stored",
    inputSchema: objectOf({ ...OF_DOCUMENT, input: INPUT ?? {}, failures: FAILURES ?? {} }),
    hints: READS,
    scopes: ["read"],
    async call(args, call) {
      const { text } = await documentOf(args, call);
      const rest = { input: args.input, failures: args.failures };
      const given = { text, ...rest } as OperationInput<"simulateDocument">;
      const { signal, client } = call;
      return valueResult({ ...await client.call("simulateDocument", given, { signal }) });
    },
  },
  {
    name: "create_workflow_from_description",
    title: "Create a workflow from a description",
    description:
      "Proposes a workflow for a description in plain language, out of the systems that are " +
      "registered: rehearsed, with its test, and with what is missing. Nothing is stored",
    inputSchema: {
      type: "object",
      properties: {
        description: { type: "string" },
        target_systems: { type: "array", items: { type: "string" } },
      },
    },
    hints: READS,
    scopes: ["read"],
    call: create,
  },
  {
    name: "propose_change",
    title: "Propose a change of a workflow",
    description:
      "Says what a change of a workflow would do, by edits or by a description: its text, what is " +
      "wrong with it before and after, and how it runs. Nothing is stored; apply_change deploys it " +
      "once a person agrees",
    inputSchema: objectOf({ ...OF_DOCUMENT, description: DESCRIPTION ?? {} }),
    hints: READS,
    scopes: ["read"],
    call: propose,
  },
  {
    name: "apply_change",
    title: "Apply a change of a workflow",
    description:
      "Deploys a change of a workflow as its next version. A person is asked first, with what " +
      "it changes and whom it breaks; tasks that run keep their version",
    inputSchema: {
      ...objectOf({
        ...OF_DOCUMENT,
        reason: { type: "string", minLength: 1, description: "Why; it is kept with the version" },
        dry_run: { type: "boolean", default: false, description: "Says what would change" },
      }),
      required: ["reason"],
    },
    hints: { ...READS, readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    scopes: ["deploy"],
    call: apply,
  },
];

function fieldsOf(
  name: "editDocument" | "simulateDocument" | "generateWorkflow",
): Readonly<Record<string, JsonSchema>> {
  const { properties } = inputJsonSchemaOf(operationNamed(name));
  return properties as Readonly<Record<string, JsonSchema>>;
}

function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties, additionalProperties: false };
}

/** A document as it would be, and as it is. */
interface Changed {
  /** Empty: there is none yet. Undefined: the key may not see it. */
  readonly before: string | undefined;
  readonly text: string;
}

/** Reads the document that is meant, and what it changes. Nothing is stored. */
async function changeOf(args: Args, call: ToolCall): Promise<Changed> {
  const { before, text } = await documentOf(args, call);
  const isWhole = typeof args.text === "string" && text === before;
  return { before: isWhole ? await deployedText(text, call) : before, text };
}

/** What a document takes the place of: the text that was deployed under its name. */
async function deployedText(text: string, { client }: ToolCall): Promise<string | undefined> {
  const workflow = `${fieldIn(text, "namespace") ?? "default"}/${fieldIn(text, "name") ?? ""}`;
  if (workflow.endsWith("/")) return "";
  try {
    return await sourceOf({ workflow }, client);
  } catch (error) {
    const code = error instanceof ClientError ? error.code : undefined;
    if (code === "definition.unknown" || code === "api.bad_request") return "";
    if (code === "definition.in_file" || code === "api.forbidden") return undefined;
    throw error;
  }
}

/** A field at the top of a manifest. */
function fieldIn(text: string, field: "namespace" | "name"): string | undefined {
  return new RegExp(`^${field}: +['"]?([\\w-]{1,64})`, "m").exec(text)?.[1];
}

/** The lines that differ, if both texts are known. */
function diffOf({ before, text }: Changed): { readonly diff?: readonly string[] } {
  return before === undefined ? {} : { diff: changedLines(before, text) };
}

/** Reads the document that is meant, and makes the edits in it. Nothing is stored. */
async function documentOf(args: Args, { client, signal }: ToolCall) {
  const before = typeof args.text === "string" ? args.text : await sourceOf(args, client);
  if (args.edits === undefined) return { before, text: before };
  const edits = args.edits as OperationInput<"editDocument">["edits"];
  const { text } = await client.call("editDocument", { text: before, edits }, { signal });
  return { before, text };
}

async function sourceOf({ workflow }: Args, client: Client): Promise<string> {
  const [namespace = "", name = ""] = typeof workflow === "string" ? workflow.split("/") : [];
  if (namespace === "" || name === "") {
    throw new BadArguments(
      'Cannot find the document: expected "text", or "workflow" as namespace/name',
    );
  }
  return (await client.call("workflowSource", { namespace, name })).text;
}

/** Drafts a workflow, and says which of its steps leave the systems that were named. */
async function create(args: Args, { client, key, signal }: ToolCall): Promise<ToolResult> {
  const { description, target_systems: targets } = args;
  if (typeof description !== "string") {
    throw new BadArguments('Cannot draft a workflow: "description" is missing');
  }
  const given = { description, namespace: draftNamespace(key.namespaces) };
  const { text, ...draft } = await client.call("generateWorkflow", given, { signal });
  const elsewhere = Array.isArray(targets)
    ? ownersIn(text).filter((one) => !targets.includes(one))
    : [];
  const result = valueResult({
    ...draft,
    ...(elsewhere.length > 0 && { outside_target_systems: elsewhere }),
    next: draft.isReady
      ? "Nothing is stored. apply_change with this text and a reason asks a person"
      : "Nothing is stored. Answer the questions, or fill in what is missing by propose_change",
  });
  return withDocument(result, text);
}

/** Where a draft belongs: the tool takes no namespace, and the key may be for others than the usual. */
function draftNamespace(covered: readonly string[]): string {
  const isUsual = covered.some((one) => one === EVERYTHING || one === "default");
  return isUsual ? "default" : covered[0] ?? "default";
}

/** The systems that own steps of a manifest. */
function ownersIn(text: string): readonly string[] {
  return [
    ...new Set(
      [...text.matchAll(/^\s+owner: ['"]?([a-z0-9_-]{1,64})/gm)].map(([, name = ""]) => name),
    ),
  ];
}

/** What a description says that is to change, as edits; nothing is done for what is unclear. */
async function describedChange(args: Args, { client, signal }: ToolCall) {
  const { description, text, workflow } = args;
  if (description === undefined) return undefined;
  if (typeof description !== "string" || args.edits !== undefined) {
    throw new BadArguments('Cannot propose the change: expected either "description" or "edits"');
  }
  const base = { text, workflow } as OperationInput<"generateWorkflow">["base"];
  const draft = await client.call("generateWorkflow", { description, base }, { signal });
  const { clauses, unmatched, questions, missing } = draft;
  return { edits: draft.edits.map(({ edit }) => edit), clauses, unmatched, questions, missing };
}

async function propose(given: Args, call: ToolCall): Promise<ToolResult> {
  const { client, signal, key } = call;
  const described = await describedChange(given, call);
  if (described?.edits.length === 0) return valueResult({ ...described, next: NOTHING_PROPOSED });
  const args = described === undefined ? given : { ...given, edits: described.edits };
  const changed = await changeOf(args, call);
  const { before, text } = changed;
  const check = async (text: string) => await client.call("checkDocument", { text }, { signal });
  const [was, is] = await Promise.all([before ? check(before) : undefined, check(text)]);
  const isSound = !is.problems.some(({ severity }) => severity === "error");
  const mayDeploy = key.scopes.includes("deploy") || key.scopes.includes("admin");
  const rehearsal = isSound
    ? await client.call("simulateDocument", { text }, { signal })
    : undefined;
  const deployment = isSound && mayDeploy ? await previewOf(text, call) : undefined;
  return withDocument(
    valueResult({
      ...described,
      ...diffOf(changed),
      problems_before: before === "" ? [] : was?.problems,
      problems_after: is.problems,
      ...(rehearsal !== undefined && { rehearsal }),
      ...(deployment !== undefined && { deployment }),
      next: nextOf({ isSound, mayDeploy, isDescribed: described !== undefined }),
    }),
    text,
  );
}

const NOTHING_PROPOSED =
  "Nothing is proposed and nothing is stored. Answer the questions in the description, or send edits";

function nextOf({ isSound, mayDeploy, isDescribed }: {
  readonly isSound: boolean;
  readonly mayDeploy: boolean;
  readonly isDescribed: boolean;
}): string {
  if (!isSound) return "Correct the problems; nothing with errors is deployed";
  const what = isDescribed ? "these edits in place of the description" : "the same arguments";
  return mayDeploy
    ? `Nothing is stored. apply_change with ${what} and a reason asks a person`
    : "Nothing is stored. Deploying it needs a key with the scope deploy";
}

async function previewOf(text: string, { client, signal }: ToolCall, reason = "dry run") {
  return await client.call("deployWorkflow", { text, reason, dryRun: true }, { signal });
}

async function apply(args: Args, call: ToolCall): Promise<ToolResult> {
  const { reason } = args;
  if (typeof reason !== "string" || reason === "") {
    throw new BadArguments('Cannot apply the change: "reason" is missing');
  }
  const changed = await changeOf(args, call);
  const { text } = changed;
  const report = await previewOf(text, call, reason);
  const isDry = args.dry_run === true || call.isDryRun;
  if (isDry || report.outcome === "unchanged") {
    return valueResult({ dry_run: isDry, ...diffOf(changed), ...report });
  }
  if (!report.isAccepted) return failureResult(brokenBy(report));
  if (call.capabilities.elicitation === undefined) return failureResult(NOBODY_TO_ASK);
  const asked = Asked.safeParse(call.state).data;
  const asks = { digest: call.digest(text), before: report.before };
  const isSame = asked?.digest === asks.digest && asked.before === asks.before;
  const answer = isSame ? acceptedContent(call.answers, APPROVAL, Approval) : undefined;
  const question = questionAbout(report, { isNew: changed.before === "", ...diffOf(changed) });
  if (question === undefined) return failureResult(TOO_MUCH_TO_SHOW);
  if (!isSame || call.answers[APPROVAL] === undefined) return await ask(question, asks, call);
  if (answer?.approve !== true) return valueResult({ applied: false, says: "A person declined" });
  const why = answer.reason === undefined ? reason : `${reason} (${answer.reason})`;
  return await deploy(changed, why.slice(0, 2_000), call);
}

/** Asks a person, who sees whom the workflow asks, what may break, how it runs, and what changes. */
async function ask(question: string, asks: Asked, { seal }: ToolCall): Promise<ToolResult> {
  return inputRequired({
    inputRequests: {
      [APPROVAL]: inputRequired.elicit({
        message: question,
        requestedSchema: Approval,
      }),
    },
    requestState: await seal(asks),
  });
}

async function deploy(
  changed: Changed,
  reason: string,
  { client, signal }: ToolCall,
): Promise<ToolResult> {
  const { text } = changed;
  const report = await client.call("deployWorkflow", { text, reason }, { signal });
  const workflow = `${report.namespace}/${report.name}`;
  const undo = report.before === undefined
    ? { undo: null, undo_note: "There was no version before that starts could take again" }
    : {
      undo: {
        tool: "revert_change",
        arguments: { change: `workflow:${workflow}@${report.before}`, reason: "undo" },
      },
    };
  return valueResult({ applied: true, ...diffOf(changed), ...report, ...undo });
}

/** A client that asks nobody cannot bring an approval. */
const NOBODY_TO_ASK: Failure = {
  code: "approval.no_person",
  what: "Cannot apply the change: a person has to approve it, and this client cannot ask one",
  next: "Nothing was changed",
  action:
    "Use a client of MCP 2026-07-28 that shows forms, or an older one over stdio (`deno task mcp`), or " +
    "deploy it with `tasker deploy FILE`",
  retry: "never",
};

/** An approval of what was not shown would be none. */
const TOO_MUCH_TO_SHOW: Failure = {
  code: "approval.too_large",
  what: "Cannot apply the change: whom it asks and what it may break is more than a form can show",
  next: "Nothing was changed",
  action: "Let a person deploy it with `tasker deploy FILE`, or divide the workflow",
  retry: "never",
};

function brokenBy({ breaks }: Report): Failure {
  const what = breaks.slice(0, 10).map(({ path, detail }) => `${path}: ${detail}`).join("; ");
  return {
    code: "definition.breaks",
    what: shownText(`Cannot apply the change: it breaks others: ${what}`),
    next: "Nothing was changed",
    action:
      "Keep what others rely on, or let a person deploy it with `tasker deploy FILE --force WHY`",
    retry: "never",
  };
}

/** Adds a document as a whole: cut, it could not be deployed. Secrets in it are hidden all the same. */
function withDocument(result: ReturnType<typeof valueResult>, text: string) {
  const document = hideSecrets(text);
  return {
    content: [...result.content, { type: "text" as const, text: document }],
    structuredContent: { ...result.structuredContent as object, text: document },
  };
}
