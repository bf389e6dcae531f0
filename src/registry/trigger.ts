/** Checks of triggers: whether what a trigger names is there, and fits the contract that takes it. */

import { type Fault, TaskerError } from "../core/errors.ts";
import { describeFaults } from "../core/faults.ts";
import { referencesOf, type Template } from "../core/mapping.ts";
import { referenceOf } from "../core/search.ts";
import { EVENT_ROOT, type TriggerRule, workflowOf } from "../core/trigger.ts";
import type { Definition, JsonSchema } from "../core/workflow.ts";
import { Faults, suggest } from "./fault.ts";
import { checkMapping, type PlaceIn, readTemplate } from "./mapping_check.ts";
import { shapeOf } from "./shape.ts";
import { findPlan, type Registry } from "./workflows.ts";
import { readablePath } from "./yaml.ts";

/** What is known of every event. Its data is not; one without data is refused when it comes. */
const EVENT: JsonSchema = {
  type: "object",
  properties: {
    specversion: { type: "string" },
    id: { type: "string" },
    source: { type: "string" },
    type: { type: "string" },
    data: {},
  },
  required: ["id", "type", "data"],
  additionalProperties: true,
};

const ROOTS = new Map([[EVENT_ROOT, shapeOf(EVENT)]]);

const TEXT: JsonSchema = { type: ["string", "number", "boolean"] };

/**
 * Checks a trigger against the version of its workflow that a start takes.
 *
 * Cost: O(size of the trigger and of the contract).
 *
 * @throws {TaskerError} trigger.invalid with all that is wrong, definition.unknown
 */
export function checkTrigger(name: string, trigger: TriggerRule, registry: Registry): void {
  const { definition } = findPlan(registry, { workflow: workflowOf(trigger) });
  const check = new TriggerCheck();
  const { start, signal, filter } = trigger;
  for (const field of Object.keys(filter)) check.filter(field);
  if (start !== undefined) {
    check.template(start.input as Template, ["start", "input"], definition.input);
    start.tags.forEach((tag, at) => check.template(tag, ["start", "tags", at], TEXT));
  }
  if (signal !== undefined) {
    const { task, tag, attribute } = signal;
    const contract = check.signalStep(signal.name, definition);
    check.template(signal.payload as Template, ["signal", "payload"], contract);
    if (task !== undefined) check.template(task, ["signal", "task"], TEXT);
    if (tag !== undefined) check.template(tag, ["signal", "tag"], TEXT);
    if (attribute !== undefined) {
      check.attribute(attribute.name, definition);
      check.template(attribute.value, ["signal", "attribute", "value"], TEXT);
    }
  }
  const faults: readonly Fault[] = check.faults.list
    .map(({ path, code, detail }) => ({ path, code, detail }));
  if (faults.length === 0) return;
  throw new TaskerError(
    "trigger.invalid",
    `Cannot set trigger "${name}": ${describeFaults(faults)}`,
    { faults },
  );
}

class TriggerCheck {
  readonly faults = new Faults();

  template(
    template: Template,
    path: readonly (string | number)[],
    target: JsonSchema | undefined,
  ): void {
    const place: PlaceIn = (at) => placeAt([...path, ...at]);
    const mapping = readTemplate(template, place, this.faults);
    if (mapping === undefined) return;
    for (const { reference: { root }, at } of referencesOf(mapping)) {
      if (root === EVENT_ROOT) continue;
      const detail = `"${root}" is not known here, expected "${EVENT_ROOT}"`;
      this.faults.add(place(at), "no_such_field", detail);
    }
    checkMapping(mapping, { roots: ROOTS, target, place, faults: this.faults });
  }

  filter(field: string): void {
    const place = placeAt(["filter", field]);
    if (referenceOf(field)?.root === EVENT_ROOT) return this.template(field, ["filter"], undefined);
    const detail = `is not a field of the event, expected one such as $.${EVENT_ROOT}.data.country`;
    this.faults.add(place, "bad_reference", detail);
  }

  /** What a signal is checked against when it comes. */
  signalStep(name: string, { steps }: Definition): JsonSchema | undefined {
    const signals = steps.filter(({ kind }) => kind === "signal");
    const step = signals.find((one) => one.name === name);
    if (step !== undefined) return step.contract.success;
    const known = signals.map((one) => one.name);
    const has = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
    this.faults.add(
      placeAt(["signal", "name"]),
      "no_such_step",
      `the workflow has no signal step "${name}"${suggest(name, known) || `, ${has}`}`,
    );
    return undefined;
  }

  attribute(name: string, { search = {} }: Definition): void {
    if (Object.hasOwn(search, name)) return;
    this.faults.add(
      placeAt(["signal", "attribute", "name"]),
      "no_such_attribute",
      `the workflow declares no search attribute "${name}"${suggest(name, Object.keys(search))}`,
    );
  }
}

function placeAt(path: readonly (string | number)[]) {
  return { path: readablePath(path), at: () => undefined };
}
