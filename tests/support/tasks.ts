/** What tests ask of many tasks at once. */

import { until } from "./serve.ts";

/** What is asked of an API, with one key. */
export interface Asker {
  readonly url: string;
  readonly key: string;
}

/** An event, as far as tests read it. */
export interface EventShown {
  readonly turn: number;
  readonly kind: string;
  readonly at: string;
  readonly step?: string;
}

/** A task, as far as tests read it. */
export interface TaskShown {
  readonly id: string;
  readonly state: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly steps: readonly {
    readonly name: string;
    readonly state: string;
    readonly attempt: number;
    readonly result?: unknown;
    readonly error?: unknown;
  }[];
}

/** The longest a server lets us wait in one request. */
const WAIT_MS_MAX = 30_000;

/** Starts a task; returns its id, or the problem's code. */
export async function startTask(
  { url, key }: Asker,
  body: Readonly<Record<string, unknown>>,
  idempotencyKey: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await fetch(`${url}/v1/tasks`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
      ...headers,
    },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  return response.ok ? answer.id : answer.code;
}

/** Counts tasks by state. */
export async function countStates(
  { url, key }: Asker,
  workflow: string,
): Promise<Record<string, number>> {
  const response = await fetch(
    `${url}/v1/tasks?limit=200&workflow=${encodeURIComponent(workflow)}`,
    {
      headers: { authorization: `Bearer ${key}` },
    },
  );
  const { tasks } = await response.json() as { tasks: { state: string }[] };
  const counts: Record<string, number> = {};
  for (const { state } of tasks) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Resolves when `count` tasks have completed; fails with the counts after `ms`. */
export async function allCompleted(
  asker: Asker,
  { workflow, count, ms }: { workflow: string; count: number; ms: number },
): Promise<void> {
  let counts: Record<string, number> = {};
  try {
    await until("all tasks to complete", ms, async () => {
      counts = await countStates(asker, workflow).catch(() => counts);
      return counts["completed"] === count ? true : undefined;
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}: ${JSON.stringify(counts)}`);
  }
}

/** All events of a task by kind and step, as the API shows its journal. */
export async function journalOf(
  { url, key }: Asker,
  id: string,
): Promise<EventShown[]> {
  const response = await fetch(`${url}/v1/tasks/${id}/journal`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const { events } = await response.json() as { events: EventShown[] };
  return events;
}

/** Ids of the newest 200 tasks of a workflow. */
export async function idsOf({ url, key }: Asker, workflow: string): Promise<string[]> {
  const response = await fetch(
    `${url}/v1/tasks?limit=200&workflow=${encodeURIComponent(workflow)}`,
    {
      headers: { authorization: `Bearer ${key}` },
    },
  );
  const { tasks } = await response.json() as { tasks: { id: string }[] };
  return tasks.map((task) => task.id);
}

/** Resolves with a task once it has ended, or as it is after `ms`; a server may die meanwhile. */
export async function taskEnded(
  { url, key }: Asker,
  id: string,
  ms: number,
): Promise<TaskShown> {
  let shown: TaskShown | undefined;
  const ask = async () => {
    const response = await fetch(`${url}/v1/tasks/${id}?waitMs=${WAIT_MS_MAX}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const task = await response.json();
    if (!response.ok) return undefined;
    shown = task;
    return ["completed", "failed", "cancelled"].includes(task.state) ? task : undefined;
  };
  try {
    return await until(`task ${id} to end`, ms, () => ask().catch(() => undefined));
  } catch (error) {
    if (shown === undefined) throw error;
    return shown;
  }
}
