/** The tool that takes a change back: one of healing, or a version of a workflow that was deployed. */

import type { OperationResult } from "../client.ts";
import { BadArguments } from "./failure.ts";
import { valueResult } from "./result.ts";
import type { Tool, ToolCall, ToolResult } from "./tool.ts";

/** The values that an incident changed, as they were before. */
type Inverse = NonNullable<NonNullable<OperationResult<"getIncident">["applied"]>["inverse"]>;

/** How a change is named, by those who made it. */
const CHANGE =
  /^(?:incident:([0-9a-f-]{36})|workflow:([a-z0-9_-]+)\/([a-z0-9_-]+)@([^\s@]{1,64}))$/;

/** Takes a change back. */
export const REVERT_TOOL: Tool = {
  name: "revert_change",
  title: "Revert a change",
  description: "Takes a change back: `incident:ID` puts back what healing changed, " +
    "`workflow:NAMESPACE/NAME@VERSION` lets starts take a version again. Calls that change " +
    "something answer with the `change` that undoes it",
  inputSchema: {
    type: "object",
    properties: {
      change: { type: "string", maxLength: 256, description: "As above" },
      reason: { type: "string", minLength: 1, maxLength: 2_000, description: "Why" },
      dry_run: { type: "boolean", default: false, description: "Says what would change" },
    },
    required: ["change", "reason"],
    additionalProperties: false,
  },
  hints: {
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  scopes: [],
  anyOf: ["operate", "deploy"],
  async call({ change, reason, dry_run: isDry = false }, call) {
    const [, incident, namespace, name, to] = CHANGE.exec(String(change)) ?? [];
    if (typeof reason !== "string" || reason === "") {
      throw new BadArguments('Cannot revert the change: "reason" is missing');
    }
    const how = { reason, isDry: isDry !== false || call.isDryRun };
    if (incident !== undefined) return await revertIncident(incident, how, call);
    if (namespace !== undefined && name !== undefined && to !== undefined) {
      return await revertWorkflow({ namespace, name, to }, how, call);
    }
    throw new BadArguments(
      "Cannot read the change: expected `incident:ID` or `workflow:NAMESPACE/NAME@VERSION`",
    );
  },
};

/** How it is taken back. */
interface How {
  readonly reason: string;
  readonly isDry: boolean;
}

async function revertIncident(
  incident: string,
  { reason, isDry }: How,
  { client, signal }: ToolCall,
): Promise<ToolResult> {
  if (isDry) {
    const { applied, conclusion } = await client.call("getIncident", { incident }, { signal });
    return valueResult({ dry_run: true, diff: linesOf(applied?.inverse), conclusion });
  }
  const { says } = await client.call("revertProposal", { incident, reason }, { signal });
  return valueResult({
    diff: [says],
    undo: null,
    undo_note: "A later incident may propose it again; a person can put it as a policy",
  });
}

async function revertWorkflow(
  of: { readonly namespace: string; readonly name: string; readonly to: string },
  { reason, isDry }: How,
  { client, signal }: ToolCall,
): Promise<ToolResult> {
  const report = await client.call("revertWorkflow", { ...of, reason, dryRun: isDry }, { signal });
  const { before, changes } = report;
  const change = `workflow:${of.namespace}/${of.name}@${before}`;
  return valueResult({
    dry_run: isDry,
    diff: changes.map(({ what, path, text }) => `${what} ${path}: ${text}`),
    ...report,
    undo: before === undefined
      ? null
      : { tool: "revert_change", arguments: { change, reason: "undo" } },
  });
}

/** What would be put, line by line. */
function linesOf(inverse: Inverse | undefined): readonly string[] {
  return (inverse?.changes ?? []).map(({ path, value }) =>
    `${inverse?.namespace}/${inverse?.name}: ${path.join(".")} → ${
      JSON.stringify(value) ?? "unset"
    }`
  );
}
