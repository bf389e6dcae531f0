/** Routes of tasks: start, list, look, wait. */

import { z } from "zod";
import { DeadlineMs, Tag, Tags, Version, WorkflowName } from "../core/fields.ts";
import type { TaskFilter, TaskSummary } from "../core/ports.ts";
import { isTraceparent, traceparentOf } from "../telemetry/trace.ts";
import { commandIdOf } from "./command_id.ts";
import { cursorOf, parseCursor } from "./cursor.ts";
import { entriesOf, JournalEntry } from "./journal_entry.ts";
import { type Asked, type Route, route } from "./route.ts";
import { Limit, named, Time, TURN_MAX, whole } from "./schema.ts";
import type { Services } from "./services.ts";
import { SummaryDocument, summaryDocument, TASK_STATES, TaskDocument } from "./task_document.ts";

/** The longest long poll. */
export const WAIT_MS_MAX = 60_000;
/** Turns on one page of a journal. */
const TURNS_MAX = 200;

/** The id of a task in a path. */
export const TaskParams = z.strictObject({ id: z.string().max(64) });

const StartBody = named(
  "StartTask",
  z.strictObject({
    workflow: WorkflowName,
    version: Version.optional().describe("Absent: the highest"),
    input: z.unknown().optional(),
    tags: Tags,
    deadlineMs: DeadlineMs.optional(),
  }),
);
type StartBody = z.output<typeof StartBody>;

const ListQuery = z.strictObject({
  workflow: WorkflowName.optional(),
  state: z.enum(TASK_STATES).optional(),
  tag: Tag.optional(),
  since: Time.optional().describe("Created at or after"),
  until: Time.optional().describe("Created before"),
  limit: Limit,
  cursor: z.string().max(256).optional().describe("`nextCursor` of the page before"),
});
type ListQuery = z.output<typeof ListQuery>;

const TaskPage = named(
  "TaskPage",
  z.object({ tasks: z.array(SummaryDocument), nextCursor: z.string().optional() }),
);

const JournalPage = named(
  "JournalPage",
  z.object({
    events: z.array(JournalEntry),
    nextAfterTurn: z.int().optional().describe("Present when there may be more"),
  }),
);

/** All routes that start and read tasks. */
export function taskRoutes(services: Services): readonly Route[] {
  return [startRoute(services), listRoute(services), getRoute(services), journalRoute(services)];
}

function startRoute(services: Services): Route {
  return route({
    method: "POST",
    path: "/v1/tasks",
    name: "startTask",
    group: "tasks",
    summary: "Starts a task; the same Idempotency-Key and body give the same task",
    right: "write",
    repeat: "command",
    body: StartBody,
    answers: {
      201: { description: "Started, and journaled", schema: TaskDocument },
      200: { description: "Started before under this key", schema: TaskDocument },
    },
    problems: ["definition.unknown", "contract.violation", "journal.conflict", "mailbox.full"],
    handle: (asked) => startTask(services, asked),
  });
}

async function startTask(services: Services, asked: Asked<unknown, unknown, StartBody>) {
  const { body, caller, idempotencyKey } = asked;
  const namespace = body.workflow.split("/")[0] ?? "";
  caller.demandNamespace(namespace);
  const traceparent = traceparentOf() ?? givenTraceparent(asked.headers);
  const answer = await services.starter.start({
    workflow: body.workflow,
    input: body.input,
    tags: body.tags,
    commandId: commandIdOf(services.runtime, asked, "start", namespace),
    ...(body.version === undefined ? {} : { version: body.version }),
    ...(idempotencyKey === undefined ? {} : { key: idempotencyKey }),
    ...(body.deadlineMs === undefined ? {} : { deadlineMs: body.deadlineMs }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
  const summary = await services.tasks.find(answer.taskId, caller);
  return {
    status: answer.changed ? 201 : 200,
    body: await services.tasks.document(summary),
    headers: { location: `/v1/tasks/${answer.taskId}` },
  };
}

function givenTraceparent(headers: Headers): string | undefined {
  const given = headers.get("traceparent") ?? "";
  return isTraceparent(given) ? given : undefined;
}

function listRoute(services: Services): Route {
  return route({
    method: "GET",
    path: "/v1/tasks",
    name: "listTasks",
    group: "tasks",
    summary: "Lists tasks, newest first",
    right: "read",
    repeat: "harmless",
    query: ListQuery,
    answers: { 200: { description: "A page", schema: TaskPage } },
    problems: ["api.forbidden"],
    async handle({ caller, query }) {
      const found = await services.history.tasks(filterOf(query, caller.namespaces));
      return { status: 200, body: pageOf(found, query.limit) };
    },
  });
}

function filterOf(query: ListQuery, namespaces: readonly string[] | undefined): TaskFilter {
  return {
    namespaces,
    limit: query.limit,
    ...(query.workflow === undefined ? {} : { workflow: query.workflow }),
    ...(query.state === undefined ? {} : { state: query.state }),
    ...(query.tag === undefined ? {} : { tag: query.tag }),
    ...(query.since === undefined ? {} : { sinceMs: Date.parse(query.since) }),
    ...(query.until === undefined ? {} : { untilMs: Date.parse(query.until) }),
    ...(query.cursor === undefined ? {} : { after: parseCursor(query.cursor) }),
  };
}

function pageOf(found: readonly TaskSummary[], limit: number): z.infer<typeof TaskPage> {
  const last = found.at(-1);
  const isMore = found.length === limit && last !== undefined;
  return {
    tasks: found.map(summaryDocument),
    ...(isMore ? { nextCursor: cursorOf(last.taskId) } : {}),
  };
}

function getRoute(services: Services): Route {
  return route({
    method: "GET",
    path: "/v1/tasks/{id}",
    name: "getTask",
    group: "tasks",
    summary: "Shows a task with its steps; `waitMs` waits for its end",
    right: "read",
    repeat: "harmless",
    waits: true,
    params: TaskParams,
    query: z.strictObject({ waitMs: whole(0, WAIT_MS_MAX).default(0) }),
    answers: { 200: { description: "The task, ended or not", schema: TaskDocument } },
    problems: ["task.not_found", "task.id_invalid", "api.busy", "node.draining"],
    handle: (asked) => getTask(services, asked),
  });
}

async function getTask(
  { tasks, history, watch, waiting, runtime }: Services,
  { params, query, caller, isHead, signal }: Asked<{ id: string }, { waitMs: number }, unknown>,
) {
  let summary = await tasks.find(params.id, caller);
  if (query.waitMs === 0 || isHead) return { status: 200, body: await tasks.document(summary) };
  const untilMs = runtime.monotonic() + query.waitMs;
  const place = waiting.enter(signal, caller);
  const follower = watch.follow(summary.taskId);
  try {
    while (summary.endedAtMs === undefined && !place.signal.aborted) {
      const leftMs = untilMs - runtime.monotonic();
      if (leftMs <= 0) break;
      await follower.next(place.signal, leftMs);
      summary = await history.task(summary.taskId) ?? summary;
    }
    return { status: 200, body: await tasks.document(summary) };
  } finally {
    place.leave();
    follower.close();
  }
}

function journalRoute(services: Services): Route {
  return route({
    method: "GET",
    path: "/v1/tasks/{id}/journal",
    name: "getJournal",
    group: "tasks",
    summary: "Shows the events of a task, with turn and number",
    right: "read",
    repeat: "harmless",
    params: TaskParams,
    query: z.strictObject({
      afterTurn: whole(0, TURN_MAX).default(0),
      limit: whole(1, TURNS_MAX).default(TURNS_MAX).describe(
        "Turns, not events; fewer come when they are large",
      ),
    }),
    answers: { 200: { description: "Events in order", schema: JournalPage } },
    problems: ["task.not_found", "task.id_invalid"],
    async handle({ caller, params, query }) {
      const summary = await services.tasks.find(params.id, caller);
      const plan = await services.tasks.planOf(summary);
      const { afterTurn, limit } = query;
      const { turns, isLast } = await services.history.turns(summary.taskId, afterTurn, limit);
      const events = turns.flatMap((turn) => entriesOf(plan, turn));
      const next = isLast ? {} : { nextAfterTurn: turns.at(-1)?.turn };
      return { status: 200, body: { events, ...next } };
    },
  });
}
