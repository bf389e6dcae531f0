/** Imports of the Rails engine's task handlers: `step_templates`, `depends_on_step(s)`. */

import { nameOf, type OldFields } from "./import_source.ts";
import type { OldStep, OldWorkflow } from "./import_workflow.ts";

/** The namespace and the version of a handler that states none. */
const NAMESPACE_DEFAULT = "default";
const VERSION_DEFAULT = "0.1.0";

const CODE =
  "the code of a task handler has no counterpart: check the input by its contract, and make " +
  "what else it does a step";
const EVENTS =
  "workers publish events of their own themselves; those of the task are in its journal, " +
  "GET /v1/tasks/{id}/events";

/** Reads a task handler of the Rails engine. */
export function readRails(root: OldFields): OldWorkflow {
  const name = root.text("name") ?? "unnamed";
  const namespace = root.text("namespace_name") ?? NAMESPACE_DEFAULT;
  const system = root.text("default_dependent_system");
  const owner = system === undefined
    ? nameOf(root, "namespace_name", namespace)
    : nameOf(root, "default_dependent_system", system);
  root.lose("task_handler_class", CODE);
  root.lose("class_name", CODE);
  root.lose("module_namespace", "names a module of Ruby code, which stays where it is");
  root.lose("custom_events", EVENTS);
  readConcurrent(root);
  const templates = root.list("step_templates");
  checkNamedSteps(root, templates);
  const names = new Map(templates.map((step) => {
    const stated = String(step.take("name") ?? "");
    return [stated, nameOf(step, "name", stated)];
  }));
  const version = root.text("version");
  if (version === undefined) {
    root.source.note([], "changed", `states no version, and becomes ${VERSION_DEFAULT}`);
  }
  return {
    name: nameOf(root, "name", name),
    namespace: nameOf(root, "namespace_name", namespace),
    version: version ?? VERSION_DEFAULT,
    description: root.text("description"),
    input: root.take("schema"),
    steps: templates.map((step) => readStep(step, { names, owner })),
    ...loseEnvironments(root),
  };
}

function readStep(
  step: OldFields,
  { names, owner }: { readonly names: ReadonlyMap<string, string>; readonly owner: string },
): OldStep {
  const system = step.text("dependent_system");
  step.lose("custom_events", EVENTS);
  step.lose("skippable", "an operator may skip any step: deno task tasker skip");
  const read = {
    name: names.get(String(step.take("name") ?? "")) ?? "unnamed",
    description: step.text("description"),
    handler: step.text("handler_class"),
    owner: system === undefined ? owner : nameOf(step, "dependent_system", system),
    dependsOn: parentsOf(step, ["depends_on_step", "depends_on_steps"], names),
    attemptsMax: attemptsOf(step),
    config: step.take("handler_config"),
  };
  step.close();
  return read;
}

/** The limit of the Rails engine counts all attempts, the first one included. */
function attemptsOf(step: OldFields): number | undefined {
  const limit = step.count("default_retry_limit", 0);
  if (step.take("default_retryable") === false) {
    step.changed("default_retryable", "a step that is not retryable is tried once");
    return 1;
  }
  if (limit === 0) step.changed("default_retry_limit", "0 becomes 1: a step is tried once");
  return limit === undefined ? undefined : Math.max(1, limit);
}

/** Reads the parents of a step; those that are no steps are reported and left out. */
export function parentsOf(
  step: OldFields,
  fields: readonly string[],
  names: ReadonlyMap<string, string>,
): readonly string[] {
  const parents = fields.flatMap((field) =>
    step.texts(field).flatMap((parent) => {
      const name = names.get(parent);
      if (name === undefined) step.lost(field, `there is no step "${parent}"`);
      return name === undefined ? [] : [name];
    })
  );
  return [...new Set(parents)];
}

/** Reports what environments change, one by one. */
export function loseEnvironments(root: OldFields): Record<never, never> {
  const environments = root.inner("environments");
  for (const name of environments.names) {
    environments.lose(
      name,
      `a manifest is the same everywhere: what differs in "${name}" goes into the environment of ` +
        "its workers, into the input of the task, or into a policy of its installation",
    );
  }
  return {};
}

function readConcurrent(root: OldFields): void {
  if (root.take("concurrent") !== false) return;
  root.lost(
    "concurrent",
    "steps that do not depend on each other run at the same time: add depends_on where an order is " +
      "needed",
  );
}

function checkNamedSteps(root: OldFields, templates: readonly OldFields[]): void {
  const known = new Set(templates.map((step) => step.take("name")));
  const absent = root.texts("named_steps").filter((name) => !known.has(name));
  if (absent.length > 0) root.lost("named_steps", `has no template for ${absent.join(", ")}`);
}
