/** Task filters: which tasks a list, a count or a change of many is about. */

import { z } from "zod";
import { FAILURE_CLASSES } from "../core/event.ts";
import { Name, Tag, Version, WorkflowName } from "../core/fields.ts";
import { CONDITION_FORM, NEEDS, readCondition } from "../core/search.ts";
import { PRIORITY } from "../core/starts.ts";
import { TASK_STATES } from "../core/state.ts";
import { listed, Time, whole } from "./schema.ts";

/** Values that one filter may name of a kind. */
const VALUES_MAX = 16;

/** A condition on a search attribute. */
const Condition = z.string().max(256).refine(
  (text) => readCondition(text) !== undefined,
  CONDITION_FORM,
);

/** The fields of every filter of tasks; all that are given have to hold. */
export const TASK_FILTER = {
  workflow: WorkflowName.optional(),
  version: Version.optional(),
  state: listed(z.enum(TASK_STATES), VALUES_MAX).optional().describe("In one of these states"),
  tag: listed(Tag, VALUES_MAX).optional().describe("With all of these tags"),
  where: listed(Condition, VALUES_MAX).optional().describe(
    "What the search attributes of the workflow have to be: region=eu, total>=100",
  ),
  failedStep: Name.optional().describe("In which this step failed for good, or is parked"),
  errorClass: z.enum(FAILURE_CLASSES).optional().describe("In which a step failed like this"),
  errorCode: z.string().min(1).max(128).optional().describe("`error_code` of such a failure"),
  needs: listed(z.enum(NEEDS), VALUES_MAX).optional().describe(
    "That wait for a person, for one of these",
  ),
  priority: whole(PRIORITY.high, PRIORITY.low).optional().describe("Started with this priority"),
  forkOf: z.string().max(64).optional().describe("Forked from the task with this id"),
  since: Time.optional().describe("Created at or after"),
  until: Time.optional().describe("Created before"),
  endedSince: Time.optional().describe("Ended at or after"),
  endedUntil: Time.optional().describe("Ended before"),
};

/** Where a page begins. */
export const Cursor = z.string().max(256).describe("`nextCursor` of the page before");

/** Where the next page begins. */
export const NextCursor = z.string().optional().describe(
  "Present when there may be more; a page may have fewer tasks than its limit, or none, and have it",
);

/** How far back a page looked. */
export const SearchedTo = Time.optional().describe(
  "With `nextCursor`: all tasks that were created after it are on this page or one before",
);
