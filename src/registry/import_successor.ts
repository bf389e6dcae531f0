/** Imports of task templates of the Rust successor: `steps`, `dependencies`, `handler.callable`. */

import { loseEnvironments, parentsOf } from "./import_rails.ts";
import { nameOf, type OldFields } from "./import_source.ts";
import type { OldStep, OldWorkflow } from "./import_workflow.ts";

/** The system of a template that names none. */
const SYSTEM_DEFAULT = "default";

const EVENTS =
  "workers publish events of their own themselves; those of the task are in its journal, " +
  "GET /v1/tasks/{id}/events";

/** What a step of such a type did, and what a person can do. */
const TYPES: Readonly<Record<string, string>> = {
  decision: "chose at run time which steps exist: here all of them run. Let those that were not " +
    "chosen fail by their contract and give the others `when: always`, or write the workflow as a " +
    "module",
  deferred_convergence:
    "waited for the steps that a decision chose: here it waits for all that it " +
    "depends on; `when: always` lets it run whatever became of them",
  batchable: "made steps for parts of its work: here it is one step; start a task for each part " +
    "instead (POST /v1/tasks/batch)",
  batch_worker: "was made once for each part of the work: here it is one step",
};

const CURVES: readonly string[] = ["none", "linear", "exponential", "fibonacci"];

/** Reads a task template. */
export function readSuccessor(root: OldFields): OldWorkflow {
  const namespace = nameOf(root, "namespace_name", root.text("namespace_name") ?? "default");
  root.lose("metadata", "is for people: keep what is worth it as comments");
  root.lose(
    "task_handler",
    "the code of a task handler has no counterpart: check the input by its contract, and make what " +
      "else it does a step",
  );
  root.lose("domain_events", EVENTS);
  const systems = root.inner("system_dependencies");
  const primary = systems.text("primary") ?? SYSTEM_DEFAULT;
  systems.lose("secondary", "only the system that runs a step is stated, at the step");
  systems.close();
  const owner = primary === SYSTEM_DEFAULT ? namespace : nameOf(systems, "primary", primary);
  const stated = root.list("steps");
  const names = new Map(stated.map((step) => {
    const text = String(step.take("name") ?? "");
    return [text, nameOf(step, "name", text)];
  }));
  const deadlineMin = readLifecycle(root.inner("lifecycle"));
  return {
    name: nameOf(root, "name", root.text("name") ?? "unnamed"),
    namespace,
    version: root.text("version") ?? "1.0.0",
    description: root.text("description"),
    input: root.take("input_schema"),
    ...(deadlineMin !== undefined && { deadlineMin }),
    steps: stated.map((step) => readStep(step, { names, owner })),
    ...loseEnvironments(root),
  };
}

function readLifecycle(lifecycle: OldFields): number | undefined {
  const minutes = lifecycle.count("max_duration_minutes", 1);
  for (const name of lifecycle.names) {
    if (name === "max_duration_minutes") continue;
    lifecycle.lose(
      name,
      "a step has a timeout and a queue_timeout, a task has a deadline; what waits names its reason",
    );
  }
  return minutes;
}

function readStep(
  step: OldFields,
  { names, owner }: { readonly names: ReadonlyMap<string, string>; readonly owner: string },
): OldStep {
  const system = step.text("system_dependency");
  const handler = step.inner("handler");
  const [field, type] = [step.text("type"), step.text("step_type")].flatMap((text, index) =>
    text === undefined ? [] : [["type", "step_type"][index] ?? "", text]
  );
  if (type !== undefined && field !== undefined && type !== "standard") {
    const meant = TYPES[type] ?? "is not a type that the import knows: here it is an ordinary step";
    step.lost(field, `"${type}" ${meant}`);
  }
  step.lose(
    "lifecycle",
    "a step has a timeout, a queue_timeout and a retry, which are not changed",
  );
  step.lose("batch_config", "one step does all its work: start a task for each part instead");
  step.lose("publishes_events", EVENTS);
  const timeoutS = step.count("timeout_seconds", 1);
  const read = {
    name: names.get(String(step.take("name") ?? "")) ?? "unnamed",
    description: step.text("description"),
    handler: handler.text("callable"),
    owner: system === undefined ? owner : nameOf(step, "system_dependency", system),
    dependsOn: parentsOf(step, ["dependencies", "depends_on"], names),
    config: handler.take("initialization"),
    result: step.take("result_schema"),
    ...(timeoutS !== undefined && { timeoutS }),
    ...readRetry(step.inner("retry")),
  };
  handler.lose("method", "the worker chooses its code by the type of the envelope");
  handler.lose("resolver", "the worker chooses its code by the type of the envelope");
  handler.close();
  step.close();
  return read;
}

function attemptsOf(retry: OldFields): number | undefined {
  const [stated, older] = [retry.count("max_attempts", 0), retry.count("limit", 0)];
  const attempts = stated ?? older;
  if (attempts === 0) {
    retry.changed(
      stated === undefined ? "limit" : "max_attempts",
      "0 becomes 1: a step is tried once",
    );
  }
  return attempts === undefined ? undefined : Math.max(1, attempts);
}

/** A delay in milliseconds, or under its older name in seconds. */
function delayOf(retry: OldFields, ms: string, seconds: string): number | undefined {
  const [stated, older] = [retry.count(ms, 0), retry.count(seconds, 0)];
  return stated ?? (older === undefined ? undefined : older * 1_000);
}

function readRetry(
  retry: OldFields,
): Pick<OldStep, "attemptsMax" | "backoff" | "delayMsMin" | "delayMsMax"> {
  const attemptsMax = attemptsOf(retry);
  const isRetryable = retry.take("retryable") !== false;
  const curve = retry.text("backoff");
  const baseMs = delayOf(retry, "backoff_base_ms", "initial_delay");
  const maxMs = delayOf(retry, "max_backoff_ms", "max_delay");
  retry.close();
  if (!isRetryable) {
    retry.changed("retryable", "a step that is not retryable is tried once");
    return { attemptsMax: 1 };
  }
  if (curve === "fixed" || curve === "constant") {
    return { attemptsMax, backoff: [baseMs ?? 1_000] };
  }
  if (curve !== undefined && !CURVES.includes(curve)) {
    retry.lost("backoff", `"${curve}" is none of ${CURVES.join(", ")}: the default is used`);
    return { attemptsMax };
  }
  if (curve === "none") return { attemptsMax, backoff: "none" };
  const isBelow = maxMs !== undefined && baseMs !== undefined && maxMs < baseMs;
  if (isBelow) retry.lost("max_backoff_ms", "is below backoff_base_ms");
  return {
    attemptsMax,
    ...(curve !== undefined && { backoff: curve }),
    ...(baseMs !== undefined && { delayMsMin: baseMs }),
    ...(maxMs !== undefined && !isBelow && { delayMsMax: maxMs }),
  };
}
