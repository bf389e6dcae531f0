/** What tests ask of many tasks at once. */

import { until } from "./serve.ts";

/** What is asked of an API, with one key. */
export interface Asker {
  readonly url: string;
  readonly key: string;
}

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

/** Resolves when so many tasks have completed; fails with the counts after `ms`. */
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
): Promise<{ kind: string; step?: string }[]> {
  const response = await fetch(`${url}/v1/tasks/${id}/journal`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const { events } = await response.json() as { events: { kind: string; step?: string }[] };
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
