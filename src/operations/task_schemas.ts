/** Tasks, steps and events as JSON shows them. */

import { z } from "zod";
import { CHOICES } from "../core/event.ts";
import { Priority } from "../core/fields.ts";
import { WHENS } from "../core/graph.ts";
import { NEEDS } from "../core/search.ts";
import { STEP_STATES, TASK_STATES } from "../core/state.ts";
import { STEP_KINDS } from "../core/workflow.ts";
import { named, Time } from "./schema.ts";

/** A step of a task. */
export const StepDocument = named(
  "Step",
  z.object({
    name: z.string(),
    kind: z.enum(STEP_KINDS),
    state: z.enum(STEP_STATES),
    owner: z.string(),
    system: z.string().optional().describe(
      "The system that was chosen for the newest attempt of a step that asks by capability",
    ),
    after: z.array(z.string()).describe("The steps it waits for"),
    when: z.enum(WHENS),
    attempt: z.int().describe("The newest attempt; 0 before the first"),
    attemptsMax: z.int().describe("The highest attempt before it parks or fails"),
    startedAt: Time.optional().describe("When the newest attempt started"),
    endedAt: Time.optional(),
    dueAt: Time.optional().describe("When the attempt times out or the sleep ends"),
    nextAttemptAt: Time.optional(),
    form: z.record(z.string(), z.unknown()).optional().describe(
      "What the payload of a signal has to be while it is awaited, as JSON Schema",
    ),
    result: z.unknown().optional(),
    error: z.unknown().optional(),
    errorClass: z.string().optional(),
    parkedReason: z.string().optional(),
    choices: z.array(z.enum(CHOICES)).optional().describe(
      "What a person may do while the step is parked",
    ),
    options: z.array(z.object({
      choice: z.string(),
      label: z.string(),
      takesResult: z.literal(true).optional().describe(
        "The step ends with a result, which has to be given with the choice",
      ),
    })).optional().describe(
      "The same with its alternatives, and what each does; `chooseStep` takes them by name",
    ),
    diagnosis: z.string().optional().describe("Where the diagnosis of a failed step is"),
    leftOut: z.int().optional().describe(
      "Characters of its result and error, which are not shown: see the task's journal",
    ),
    unreachedBecause: z.string().optional().describe(
      "The parent because of which it is never reached",
    ),
  }),
);

/** A task in a list. */
export const SummaryDocument = named(
  "TaskSummary",
  z.object({
    id: z.string(),
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    definitionHash: z.string(),
    state: z.enum(TASK_STATES),
    blockedReason: z.string().optional(),
    tags: z.array(z.string()),
    createdAt: Time,
    endedAt: Time.optional(),
    attributes: z.record(z.string(), z.union([z.string(), z.number()])).optional().describe(
      "Its search attributes",
    ),
    needs: z.array(z.enum(NEEDS)).optional().describe(
      "What it waits for of a person: a choice for a parked step, a signal",
    ),
    failure: z.object({
      failed: z.array(z.string()).describe("Steps that failed for good"),
      parked: z.array(z.string()).describe("Steps that wait for a choice"),
      classes: z.array(z.string()),
      codes: z.array(z.string()).describe("`error_code` of their failures"),
    }).optional(),
    priority: Priority.optional(),
  }),
);

/** A task with its steps. */
export const TaskDocument = named(
  "Task",
  z.object({
    ...SummaryDocument.shape,
    turn: z.int().describe("The last turn of the journal that is included"),
    input: z.unknown(),
    key: z.string().optional(),
    trace: z.object({
      id: z.string().describe("32 hex digits, as in `traceparent`"),
      url: z.string().optional().describe("Where it is shown, as TASKER_TRACE_URL says"),
    }).optional().describe("The trace that its start was part of"),
    forkedFrom: z.object({
      id: z.string(),
      step: z.string().describe("The first step that was run again"),
      by: z.string(),
      reason: z.string(),
    }).optional().describe(
      "The task whose results it began with; the steps that it took have attempt 0",
    ),
    startedAt: Time.optional().describe("When its first attempt started"),
    deadlineAt: Time.optional(),
    output: z.unknown().optional().describe(
      "What the task gave when it completed, where its workflow has an output",
    ),
    error: z.unknown().optional().describe("Why its output could not be made"),
    errorClass: z.string().optional(),
    steps: z.array(StepDocument),
  }),
);

/** An event of a task's journal. */
export const JournalEntry = named(
  "JournalEntry",
  z.looseObject({
    turn: z.int(),
    number: z.int().describe("Position in the turn, from 1"),
    kind: z.string().describe("TaskStarted, StepCompleted …"),
    at: Time,
    step: z.string().optional(),
  }).describe("Other fields depend on the kind: payloads are plain JSON, names of times end in At"),
);

/** A committed turn, as the feed of all tasks shows it. */
export const CommittedTurn = z.object({
  id: z.string(),
  namespace: z.string(),
  workflow: z.string(),
  version: z.string(),
  state: z.enum(TASK_STATES),
  turn: z.int(),
  events: z.array(JournalEntry),
});
