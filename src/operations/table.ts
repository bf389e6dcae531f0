/** The table of all operations, by name. */

import { AUDIT } from "./audit.ts";
import { MANY_TASKS } from "./many_tasks.ts";
import { BUS } from "./bus.ts";
import { CHANGES } from "./changes.ts";
import { CONTRACTS } from "./contracts.ts";
import { DOCUMENTS } from "./documents.ts";
import { DEAD_LETTERS } from "./dead_letters.ts";
import { DEPLOYMENTS } from "./deployments.ts";
import { EXPORTS } from "./exports.ts";
import { FORKS } from "./forks.ts";
import { HEALING } from "./healing.ts";
import { KEYS } from "./keys.ts";
import { DIAGNOSES } from "./diagnoses.ts";
import { DESCRIPTION, HEALTH } from "./node.ts";
import type { Operation } from "./operation.ts";
import { OPTIMISER } from "./optimiser.ts";
import { POLICIES } from "./policies.ts";
import { SESSIONS } from "./sessions.ts";
import { STATISTICS } from "./statistics.ts";
import { STEP_LOGS } from "./step_logs.ts";
import { SYSTEMS } from "./systems.ts";
import { TASKS } from "./tasks.ts";
import { TRIGGERS } from "./triggers.ts";
import { WEBHOOKS } from "./webhooks.ts";
import { WORKFLOWS } from "./workflows.ts";

/** Every operation. A name is in one group only. */
export const OPERATIONS = {
  ...TASKS,
  ...MANY_TASKS,
  ...EXPORTS,
  ...FORKS,
  ...STEP_LOGS,
  ...WORKFLOWS,
  ...DEPLOYMENTS,
  ...DOCUMENTS,
  ...SYSTEMS,
  ...CONTRACTS,
  ...POLICIES,
  ...OPTIMISER,
  ...DIAGNOSES,
  ...STATISTICS,
  ...HEALING,
  ...CHANGES,
  ...KEYS,
  ...AUDIT,
  ...SESSIONS,
  ...WEBHOOKS,
  ...TRIGGERS,
  ...DEAD_LETTERS,
  ...BUS,
  ...HEALTH,
  ...DESCRIPTION,
};

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;

/** An operation as any other: the types of its own fields are left out. */
export function operationNamed(name: OperationName): Operation {
  return OPERATIONS[name];
}
