/** Operations of the audit: who called what, and what came of it. */

import { z } from "zod";
import { group, operation } from "./operation.ts";
import { Limit, named, Time } from "./schema.ts";

const Entry = z.object({
  at: Time.describe("When the call came"),
  by: z.string().describe("Who called: a name, and the id of the key"),
  keyId: z.string(),
  agent: z.string().describe("What the client says that it is; for MCP with the tool"),
  operation: z.string(),
  scope: z.string().describe("The scope that the operation asks for"),
  target: z.string().describe("What it was about: a task, a workflow, a key …"),
  outcome: z.string().describe(
    "`done`, `unchanged`, the code of the error, or why the provider refused a sign-in",
  ),
  isDryRun: z.boolean().describe("It only asked what would happen"),
  undo: z.string().optional().describe("The command that undoes it; absent: there is none"),
});

const Page = named(
  "Audit",
  z.object({
    calls: z.array(Entry).describe("The newest first; a page may be short and not the last"),
    nextCursor: z.string().optional(),
  }),
);

/** Everything that can be asked of the audit. */
export const AUDIT = group("audit", {
  listAudit: operation({
    method: "GET",
    path: "/v1/audit",
    summary: "Lists calls that changed something, or tried to: who, what, and what came of it",
    right: "admin",
    repeat: "harmless",
    query: z.strictObject({
      key: z.string().min(1).max(64).optional().describe("The id of a key"),
      operation: z.string().min(1).max(64).optional(),
      target: z.string().min(1).max(256).optional().describe("A target, or its first words"),
      outcome: z.string().min(1).max(64).optional(),
      since: Time.optional(),
      limit: Limit,
      cursor: z.uuid().optional(),
    }),
    answers: { 200: { description: "A page", schema: Page } },
    errors: [],
    pages: { entries: "calls", next: "nextCursor", from: "cursor" },
    command: { verb: "audit" },
  }),
});
