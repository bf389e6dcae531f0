/** Handlers of contracts: schemas, the AsyncAPI document, and types for workers. */

import { asyncApiDocument } from "../contracts/asyncapi.ts";
import {
  owningSystems,
  type RemoteStep,
  remoteSteps,
  stepsFor,
} from "../contracts/remote_steps.ts";
import { typesFile } from "../contracts/types_file.ts";
import { TaskerError } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import { envelopeSchemaId, stepSchemaId, workflowSchemaId } from "../core/schema_id.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { JsonSchema } from "../core/workflow.ts";
import type { CONTRACTS } from "../operations/contracts.ts";
import { envelopeSchemaOf } from "../operations/envelopes.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";
import { unknownPart, versionOf } from "./workflows.ts";

/** Handlers of everything that other systems may rely on. */
export function contractHandlers(
  { definitions, instancesOf, health, bus }: Services,
): Handlers<typeof CONTRACTS> {
  return {
    async getWorkflowSchema({ part, ...of }, { caller }) {
      const definition = await versionOf(definitions, { ...of, caller });
      const schema = part === "input" ? definition.input : definition.output?.success;
      const body = schemaDocument(workflowSchemaId(definition, part), schema);
      return { status: 200, body };
    },
    async getStepSchema({ step, part, ...of }, { caller }) {
      const definition = await versionOf(definitions, { ...of, caller });
      const found = definition.steps.find(({ name }) => name === step);
      if (found === undefined) throw unknownPart(definition, `has no step "${step}"`);
      const body = schemaDocument(stepSchemaId(definition, step, part), found.contract[part]);
      return { status: 200, body };
    },
    getEnvelopeSchema({ envelope }) {
      const body = schemaDocument(envelopeSchemaId(envelope), envelopeSchemaOf(envelope));
      return Promise.resolve({ status: 200, body });
    },
    async getAsyncApi({ system }, { caller }) {
      const { steps, systems } = await askedOf({ definitions, instancesOf }, { caller, system });
      const body = asyncApiDocument({ version: health.version, bus, systems, steps });
      return { status: 200, body };
    },
    async getTypes({ lang, system }, { caller }) {
      const { steps } = await askedOf({ definitions, instancesOf }, { caller, system });
      return { status: 200, body: typesFile(lang, steps) };
    },
  };
}

/** What systems are asked for, and which systems there are. */
interface Asked {
  readonly steps: readonly RemoteStep[];
  readonly systems: readonly string[];
}

/**
 * Returns what systems, or one, have to do with the workflows that the caller may see.
 *
 * @throws {TaskerError} definition.unknown: that system has nothing to do with them
 */
async function askedOf(
  { definitions, instancesOf }: Pick<Services, "definitions" | "instancesOf">,
  { caller, system }: { readonly caller: Caller; readonly system: string | undefined },
): Promise<Asked> {
  const stored = await definitions.list();
  const covered = stored.map(({ definition }) => definition)
    .filter(({ namespace }) => caller.covers(namespace));
  const [steps, systems] = [remoteSteps(covered), owningSystems(covered)];
  if (system === undefined) return { steps, systems };
  const isOffered = steps.some((step) => step.system === ANY_SYSTEM);
  const instances = isOffered ? await instancesOf(system) : [];
  const own = stepsFor(steps, { system, instances });
  if (systems.includes(system) || own.some((step) => step.system === system)) {
    return { steps: own, systems: [system] };
  }
  const near = nearestOf(system, systems);
  const hint = near === undefined ? "" : `, did you mean "${near}"?`;
  const elsewhere = isOffered
    ? "; it gets steps that ask by capability alone once a worker of it that serves their namespace " +
      "has registered the capability, and until then they are in the types of all systems"
    : "";
  throw new TaskerError(
    "definition.unknown",
    `Cannot describe system "${system}": it owns no step of a workflow that the key may see` +
      `${elsewhere}${hint}`,
  );
}

/** An open contract accepts anything. */
function schemaDocument($id: string, schema: JsonSchema = {}): JsonSchema & { $id: string } {
  return { $schema: DRAFT, ...schema, $id };
}

/** Of a contract that names no other. */
const DRAFT = "https://json-schema.org/draft/2020-12/schema";
