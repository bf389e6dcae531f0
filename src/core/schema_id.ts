/** Schema ids: the names that contracts have for other systems. A version's contracts never change. */

import type { Definition, StepContract } from "./workflow.ts";

/** Begins every id. What follows is the path of the schema below `/schemas/`. */
const SCHEMA_URN = "urn:tasker:schema:";

/** A part of a step's contract. */
export type ContractPart = keyof StepContract;

/** Every part of a step's contract. */
export const CONTRACT_PARTS = ["input", "success", "error"] as const satisfies ContractPart[];

type Version = Pick<Definition, "namespace" | "name" | "version">;

/** Returns the id of a part of a step's contract; `dataschema` of its commands names the input's. */
export function stepSchemaId(workflow: Version, step: string, part: ContractPart): string {
  return `${versionUrn(workflow)}/${step}/${part}`;
}

/** Returns the id of what a version of a workflow takes or gives. */
export function workflowSchemaId(workflow: Version, part: "input" | "output"): string {
  return `${versionUrn(workflow)}/${part}`;
}

/** Returns the id of a type of envelope, by its name: `StepCommand`. */
export function envelopeSchemaId(name: string): string {
  return `${SCHEMA_URN}envelopes/${name}`;
}

/** Returns the path of the route that answers with the schema of an id. */
export function schemaPath(id: string): string {
  return `/schemas/${id.slice(SCHEMA_URN.length)}`;
}

function versionUrn({ namespace, name, version }: Version): string {
  return `${SCHEMA_URN}workflows/${namespace}/${name}/${version}`;
}
