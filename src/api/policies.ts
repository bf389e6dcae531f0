/** Routes of policies: what may be tuned without a new version; every version is kept. */

import { z } from "zod";
import { type Fault, TaskerError } from "../core/errors.ts";
import { By, Name, PolicyFields, REASON_LENGTH_MAX } from "../core/fields.ts";
import { contradictionOf, type Policy, policyUnder, TUNABLE_WAITS } from "../core/policy.ts";
import type { PolicyOverlay } from "../core/ports.ts";
import type { Definition, StepKind } from "../core/workflow.ts";
import { type Route, route } from "./route.ts";
import { named, Time, timeText } from "./schema.ts";
import type { Services } from "./services.ts";
import { unknownWorkflow, versionsOf } from "./workflows.ts";

/** Steps that one overlay may tune. */
const TUNED_STEPS_MAX = 1_000;
/** In an overlay: every step that does work. */
const ALL_STEPS = "*";

const StepPolicy = named("Policy", PolicyFields);

const Steps = z.record(z.union([Name, z.literal(ALL_STEPS)]), StepPolicy)
  .refine((steps) => Object.keys(steps).length <= TUNED_STEPS_MAX, "too many steps");

const PutBody = named(
  "PutPolicy",
  z.strictObject({
    by: By,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    steps: Steps,
    expectedVersion: z.int().min(0).optional()
      .describe("The newest version that the change was made for, 0 = none; another is refused"),
  }),
);

const Overlay = named(
  "PolicyVersion",
  z.object({
    version: z.int(),
    by: z.string(),
    reason: z.string(),
    at: Time,
    steps: z.record(z.string(), StepPolicy),
  }),
);

const PolicyHistory = named(
  "PolicyHistory",
  z.object({
    namespace: z.string(),
    workflow: z.string(),
    versions: z.array(Overlay).describe("The newest first; the first one holds"),
  }),
);

const Params = z.strictObject({ namespace: Name, name: Name });

/** All routes of policies. */
export function policyRoutes(services: Services): readonly Route[] {
  return [getRoute(services), putRoute(services)];
}

function getRoute({ policies, definitions }: Services): Route {
  return route({
    method: "GET",
    path: "/v1/policies/{namespace}/{name}",
    name: "getPolicy",
    group: "policies",
    summary: "Shows every version of a workflow's policy overlay: what, who and why",
    right: "read",
    repeat: "harmless",
    params: Params,
    answers: { 200: { description: "The versions", schema: PolicyHistory } },
    problems: ["definition.unknown"],
    async handle({ caller, params: { namespace, name } }) {
      const known = caller.covers(namespace) ? await versionsOf(definitions, namespace, name) : [];
      if (known.length === 0) throw unknownWorkflow(namespace, name);
      const versions = (await policies.versions(namespace, name))
        .toSorted((one, other) => other.version - one.version);
      const body = { namespace, workflow: name, versions: versions.map(overlayDocument) };
      return { status: 200, body };
    },
  });
}

function putRoute({ policies, definitions, runtime, log }: Services): Route {
  return route({
    method: "PUT",
    path: "/v1/policies/{namespace}/{name}",
    name: "putPolicy",
    group: "policies",
    summary: "Adds the next version of a workflow's policy overlay, which replaces the one before",
    right: "operate",
    repeat: "remembered",
    params: Params,
    body: PutBody,
    answers: { 200: { description: "The new version", schema: Overlay } },
    problems: ["definition.unknown", "policy.invalid", "policy.conflict"],
    async handle({ caller, params: { namespace, name }, body }) {
      const known = caller.covers(namespace) ? await versionsOf(definitions, namespace, name) : [];
      if (known.length === 0) throw unknownWorkflow(namespace, name);
      const steps = body.steps as Record<string, Policy>;
      demandSound(steps, known.map(({ definition }) => definition));
      const overlay = await policies.put(namespace, name, {
        by: caller.signature(body.by),
        reason: body.reason,
        atMs: runtime.now(),
        steps,
      }, body.expectedVersion);
      log.info("Changed a policy", {
        namespace,
        workflow: name,
        keyId: caller.keyId,
        version: overlay.version,
      });
      return { status: 200, body: overlayDocument(overlay) };
    },
  });
}

/** A policy that would do nothing, silently, or that contradicts itself is refused. */
function demandSound(overlay: Record<string, Policy>, versions: readonly Definition[]): void {
  const faults = [
    ...Object.entries(overlay).flatMap(([name, policy]) => idleFaults(name, policy, versions)),
    ...versions.flatMap((version) => contradictions(overlay, version)),
  ];
  if (faults.length === 0) return;
  const said = faults.map(({ path, detail }) => `${path} (${detail})`).join(", ");
  throw new TaskerError("policy.invalid", `Cannot take the policy: ${said}`, { faults });
}

/** What no version has, or what means nothing for a sleep or a signal. */
function idleFaults(name: string, policy: Policy, versions: readonly Definition[]): Fault[] {
  if (name === ALL_STEPS) return [];
  const kinds = versions.flatMap(({ steps }) =>
    steps.filter((step) => step.name === name).map(({ kind }) => kind)
  );
  if (kinds.length === 0) {
    const detail = "no version of the workflow has this step";
    return [{ path: `steps.${name}`, code: "unknown_step", detail }];
  }
  return Object.keys(policy)
    .filter((field) => !kinds.some((kind) => isTunable(kind, field)))
    .map((field) => ({
      path: `steps.${name}.${field}`,
      code: "not_tunable",
      detail: `means nothing for a ${kinds[0]}`,
    }));
}

function isTunable(kind: StepKind, field: string): boolean {
  return kind === "local" || kind === "remote" || TUNABLE_WAITS[kind].some((one) => one === field);
}

/** Delays that contradict each other once the overlay lies over a version's own policy. */
function contradictions(overlay: Record<string, Policy>, { version, steps }: Definition): Fault[] {
  return steps.flatMap((step) => {
    const found = contradictionOf(policyUnder(step, overlay));
    if (found === undefined) return [];
    const tuned = overlay[step.name]?.retry === undefined ? ALL_STEPS : step.name;
    const detail = `${found.detail}, for step "${step.name}" of version ${version}`;
    return [{ path: `steps.${tuned}.retry.${found.field}`, code: "contradiction", detail }];
  });
}

function overlayDocument({ version, by, reason, atMs, steps }: PolicyOverlay) {
  return { version, by, reason, at: timeText(atMs), steps };
}
