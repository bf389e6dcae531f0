/** Operations of healing: incidents, what they propose, and how far the healer may go. */

import { z } from "zod";
import {
  By,
  DemandedReason,
  HealerChange,
  HealerFields,
  Name,
  Reason,
  WorkflowName,
} from "../core/fields.ts";
import * as fields from "../core/incident.ts";
import { group, operation } from "./operation.ts";
import { Limit, named, Time } from "./schema.ts";

const Figures = named("Figures", fields.FiguresFields);

const Proposal = named(
  "Proposal",
  fields.ProposalFields.extend({ untilMs: fields.ProposalFields.shape.untilMs }),
);

const IncidentSummary = named(
  "IncidentSummary",
  z.object({
    id: z.string(),
    workflow: z.string(),
    step: z.string(),
    signal: z.enum(fields.SIGNALS),
    phase: z.enum(fields.INCIDENT_PHASES),
    failureType: z.string().optional(),
    proposal: z.object({ kind: z.string(), tier: z.string(), expected: z.string() }).optional()
      .describe("The one that was chosen"),
    outcome: z.string().optional(),
    startedAt: Time,
    endedAt: Time.optional(),
  }),
);

const IncidentDocument = named(
  "Incident",
  z.object({
    id: z.string(),
    about: z.string(),
    number: z.int().describe("Counts the incidents about the same"),
    phase: z.enum(fields.INCIDENT_PHASES),
    startedAt: Time,
    endedAt: Time.optional(),
    degradation: fields.DegradationFields.extend({ now: Figures, before: Figures }),
    finding: fields.FindingFields.optional(),
    proposals: z.array(Proposal),
    chosen: z.string().optional().describe("The proposal that was chosen"),
    notes: z.array(z.string()).describe("Why the others were not, or nothing was"),
    advice: fields.ProposedFields.shape.advice
      .describe("In the words of a model, which decides nothing; absent: statistics only"),
    approval: fields.ApprovalFields.optional(),
    applied: fields.AppliedFields.optional(),
    triedPercent: z.number().optional()
      .describe("The share of the tasks that tries it now, in percent; absent: none is compared"),
    verdict: fields.VerdictFields.extend({
      with: Figures.optional(),
      without: Figures.optional(),
    }).optional(),
    conclusion: fields.ConclusionFields.optional(),
    lesson: fields.LessonFields.extend({
      before: Figures,
      during: Figures,
      after: Figures.optional(),
    })
      .optional(),
  }),
);

const Incidents = named(
  "IncidentList",
  z.object({
    incidents: z.array(IncidentSummary),
    nextCursor: z.string().optional(),
  }),
);

const Settings = named("HealerSettings", HealerFields);

const SettingsVersion = named(
  "HealerVersion",
  z.object({ version: z.int(), by: z.string(), reason: z.string(), at: Time, settings: Settings }),
);

const IncidentParams = z.strictObject({ incident: z.string().max(64) });
const Decision = z.strictObject({ by: By, reason: Reason });
const Decided = named("DecidedProposal", z.object({ id: z.string(), says: z.string() }));

/** Everything that can be asked of healing. */
export const HEALING = group("healing", {
  listIncidents: operation({
    method: "GET",
    path: "/v1/incidents",
    summary: "Lists incidents, the newest first, with what was done",
    right: "read",
    repeat: "harmless",
    query: z.strictObject({
      workflow: WorkflowName.optional(),
      step: Name.optional().describe("Only incidents of this step"),
      phase: z.enum(fields.INCIDENT_PHASES).optional().describe("Where incidents stand"),
      limit: Limit,
      cursor: z.string().max(512).optional(),
    }),
    isShared: true,
    answers: { 200: { description: "A page", schema: Incidents } },
    errors: ["api.bad_request"],
    pages: { entries: "incidents", next: "nextCursor", from: "cursor" },
    command: { verb: "incidents" },
  }),
  getIncident: operation({
    method: "GET",
    path: "/v1/incidents/{incident}",
    summary: "Shows an incident: what, why, what was done, and its effect",
    right: "read",
    repeat: "harmless",
    params: IncidentParams,
    answers: { 200: { description: "The incident", schema: IncidentDocument } },
    errors: ["task.not_found"],
    command: { verb: "proposals show" },
  }),
  approveProposal: operation({
    method: "POST",
    path: "/v1/incidents/{incident}/approve",
    summary: "Approves what an incident proposes and waits for",
    right: "operate",
    repeat: "command",
    params: IncidentParams,
    body: named("Decision", Decision.prefault({})),
    answers: { 202: { description: "It goes on", schema: Decided } },
    errors: ["task.not_found", "proposal.not_open"],
    command: { verb: "proposals approve" },
    audit: { target: "{incident}", undo: "proposals revert {incident}" },
  }),
  rejectProposal: operation({
    method: "POST",
    path: "/v1/incidents/{incident}/reject",
    summary: "Rejects what an incident proposes: nothing is changed",
    right: "operate",
    repeat: "command",
    params: IncidentParams,
    body: named("Rejection", Decision.prefault({})),
    answers: { 202: { description: "It goes on", schema: Decided } },
    errors: ["task.not_found", "proposal.not_open"],
    command: { verb: "proposals reject" },
    audit: { target: "{incident}" },
  }),
  revertProposal: operation({
    method: "POST",
    path: "/v1/incidents/{incident}/revert",
    summary: "Puts back what an incident has changed, or withdraws what it proposes",
    right: "operate",
    repeat: "harmless",
    params: IncidentParams,
    body: named("Reversal", Decision.prefault({})),
    answers: { 202: { description: "It is put back", schema: Decided } },
    errors: ["task.not_found", "proposal.not_open"],
    command: { verb: "proposals revert" },
    audit: { target: "{incident}" },
  }),
  getHealing: operation({
    method: "GET",
    path: "/v1/healing",
    summary: "Shows how far the healer may go, with every version",
    right: "read",
    repeat: "harmless",
    answers: {
      200: {
        description: "The settings in force, and the versions, the newest first",
        schema: named(
          "Healing",
          z.object({ settings: Settings, versions: z.array(SettingsVersion) }),
        ),
      },
    },
    errors: [],
    command: { verb: "healing" },
  }),
  putHealing: operation({
    method: "PUT",
    path: "/v1/healing",
    summary:
      "Sets how far the healer may go, and leaves what is not named as it is; unless the mode is `on`, " +
      "what is not decided yet is taken back",
    right: "operate",
    repeat: "remembered",
    body: named(
      "PutHealing",
      HealerChange.extend({
        by: By,
        reason: DemandedReason,
        expectedVersion: z.int().min(0).optional()
          .describe("The version that the change is based on, 0 = none"),
      }),
    ),
    answers: {
      200: {
        description: "The new version",
        schema: named(
          "HealerVersionPut",
          SettingsVersion.extend({
            takenBack: z.array(z.string()).optional()
              .describe("Incidents whose changes were not decided, and were taken back"),
          }),
        ),
      },
    },
    errors: ["policy.conflict"],
    command: { verb: "healing put" },
    audit: { target: "healing" },
  }),
});
