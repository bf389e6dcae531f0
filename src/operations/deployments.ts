/** Operations of deployments: documents that become versions of workflows, without a restart. */

import { z } from "zod";
import { Problem } from "../core/authoring.ts";
import { DemandedReason, Name, REASON_LENGTH_MAX, Version } from "../core/fields.ts";
import { Rehearsal } from "../core/rehearsal.ts";
import { group, operation } from "./operation.ts";
import { Limit, named, Time, whole } from "./schema.ts";
import { VersionBreak } from "./workflows.ts";

/** Characters of a document; the reader of YAML counts its bytes. */
const TEXT_LENGTH_MAX = 256_000;

/** Entries of a workflow's history. */
const ENTRY_MAX = 2 ** 31 - 1;

const Change = z.object({
  part: z.enum(["workflow", "step", "edge", "contract", "policy"]),
  what: z.enum(["added", "removed", "changed"]),
  path: z.string().describe("A step, its field, or `from → to` of an edge"),
  text: z.string().describe("What is there now, and what was"),
});

const Report = named(
  "Deployment",
  z.object({
    namespace: z.string(),
    name: z.string(),
    version: z.string(),
    hash: z.string(),
    outcome: z.enum(["deployed", "reverted", "unchanged", "dry_run"]).describe(
      "unchanged: it was there already, and nothing was stored",
    ),
    isAccepted: z.boolean().describe("False in a dry run: it breaks others, so `force` is needed"),
    starts: z.string().describe("The version that starts take from now on"),
    before: z.string().optional().describe("The version that starts took; absent: there was none"),
    openTasks: z.int().describe("Tasks of that version that have not ended: they keep it"),
    changes: z.array(Change).describe("What is different from the version before"),
    moreChanges: z.int().describe("Changes that are not listed"),
    reaches: z.array(z.string()).describe(
      "Whom its steps ask: systems with what is asked of them, and hosts with the secrets sent",
    ),
    forced: z.string().optional().describe("Why it was let in although it breaks others"),
    breaks: z.array(VersionBreak).describe("Whom it breaks, or may break"),
    problems: z.array(Problem).describe("Warnings; a document with an error is refused"),
    rehearsal: Rehearsal.optional().describe(
      "Of a dry run: what simulated runs show; absent if the server is busy with others",
    ),
  }),
);

/** A rehearsal takes seconds. */
const ANSWER_MS_MAX = 120_000;

const Entry = z.object({
  entry: z.int().describe("1, 2, … of this workflow"),
  kind: z.enum(["deploy", "revert"]),
  version: z.string(),
  hash: z.string(),
  by: z.string(),
  reason: z.string(),
  forced: z.object({
    reason: z.string(),
    breaks: z.array(z.string()),
  }).optional().describe("What it was let break, and why; absent: it breaks nothing"),
  at: Time,
});

const History = named(
  "DeploymentHistory",
  z.object({
    deployments: z.array(Entry).describe("The newest first; starts take its version"),
    nextCursor: z.string().optional(),
  }),
);

const Source = named(
  "WorkflowSource",
  Entry.extend({
    namespace: z.string(),
    name: z.string(),
    starts: z.string().describe("The version that starts take"),
    text: z.string().describe("The document, as it was sent"),
  }),
);

const DryRun = z.boolean().default(false).describe("Says what would happen, and stores nothing");

const Params = z.strictObject({ namespace: Name, name: Name });

/** Everything that can be asked of deployments. */
export const DEPLOYMENTS = group("deployments", {
  deployWorkflow: operation({
    method: "POST",
    path: "/v1/workflows",
    summary: "Deploys a document as a new version of its workflow; tasks keep theirs",
    right: "deploy",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named(
      "DeployWorkflow",
      z.strictObject({
        text: z.string().min(1).max(TEXT_LENGTH_MAX).describe("A manifest, as YAML"),
        file: z.string().min(1).max(256).optional().describe("Names the text in positions"),
        reason: DemandedReason,
        dryRun: DryRun,
        force: z.string().min(1).max(REASON_LENGTH_MAX).optional().describe(
          "Why it may break others; it is recorded with what it breaks",
        ),
      }),
    ),
    answers: { 200: { description: "What it changes", schema: Report } },
    errors: [
      "definition.invalid",
      "definition.breaks",
      "definition.changed",
      "definition.not_highest",
      "definition.in_file",
      "document.given_up",
      "api.busy",
    ],
    command: { verb: "deploy" },
    audit: {
      target: "{namespace}/{name} {version}",
      undo: "workflows revert {namespace}/{name} --to {before} --reason undo",
    },
  }),
  revertWorkflow: operation({
    method: "POST",
    path: "/v1/workflows/{namespace}/{name}/revert",
    summary: "Lets starts take a version again that was deployed before; tasks keep theirs",
    right: "deploy",
    repeat: "harmless",
    params: Params,
    body: named(
      "RevertWorkflow",
      z.strictObject({
        to: Version.describe("The version that starts are to take"),
        reason: DemandedReason,
        dryRun: DryRun,
      }),
    ),
    answers: { 200: { description: "What it changes", schema: Report } },
    errors: ["definition.unknown", "definition.invalid", "definition.in_file", "api.busy"],
    command: { verb: "workflows revert" },
    audit: {
      target: "{namespace}/{name} {to}",
      undo: "workflows revert {namespace}/{name} --to {before} --reason undo",
    },
  }),
  workflowSource: operation({
    method: "GET",
    path: "/v1/workflows/{namespace}/{name}/source",
    summary: "Shows the document of a version that was deployed, with who deployed it and why",
    right: "read",
    repeat: "harmless",
    params: Params,
    query: z.strictObject({
      version: Version.optional().describe("The one that starts take, unless given"),
    }),
    answers: { 200: { description: "The document", schema: Source } },
    errors: ["definition.unknown", "definition.in_file"],
    command: { verb: "workflows source" },
  }),
  deployHistory: operation({
    method: "GET",
    path: "/v1/workflows/{namespace}/{name}/deployments",
    summary: "Lists what was deployed of a workflow and what was reverted, newest first",
    right: "read",
    repeat: "harmless",
    params: Params,
    query: z.strictObject({
      limit: Limit,
      cursor: whole(1, ENTRY_MAX).optional(),
    }),
    answers: { 200: { description: "A page; empty if files define it", schema: History } },
    errors: [],
    pages: { entries: "deployments", next: "nextCursor", from: "cursor" },
    command: { verb: "workflows history" },
  }),
});
