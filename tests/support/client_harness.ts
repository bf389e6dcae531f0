/** A client of the API in memory, over a network that fails on demand. For tests. */

import { type FakeApi, fakeApi } from "./fake_api.ts";
import { type Client, type JournalEntry, openClient, type Task } from "../../src/client.ts";
import type { Event } from "../../src/core/event.ts";
import type { TaskId } from "../../src/core/ids.ts";
import { encodePayload } from "../../src/core/payload.ts";

/** What the network does with a request. A number cuts the answer after that many bytes. */
export type NetworkFault = "refused" | "answer lost" | "proxy page" | "hung" | number;

/** A client and everything around it. */
export interface ClientHarness {
  readonly fake: FakeApi;
  readonly client: Client;
  readonly requests: Request[];
  readonly retries: string[];
  /** What happens to the next requests, in order; then the network is whole. */
  readonly faults: NetworkFault[];
  /** Answers that do not come from the API; they are given first. */
  readonly answers: Response[];
}

/** Opens a client over the API in memory, on virtual time. */
export function openClientHarness(
  options: { key?: string; retryForMs?: number } = {},
): ClientHarness {
  const fake = fakeApi();
  const requests: Request[] = [];
  const retries: string[] = [];
  const faults: NetworkFault[] = [];
  const answers: Response[] = [];
  const client = openClient({
    url: "http://tasker.test/",
    key: options.key ?? fake.key(),
    retryForMs: options.retryForMs ?? 30_000,
    runtime: fake.runtime,
    onRetry: ({ code }) => retries.push(code),
    fetch: async (request) => {
      requests.push(request.clone());
      return answers.shift() ?? await carry(fake, request, faults.shift());
    },
  });
  return { fake, client, requests, retries, faults, answers };
}

async function carry(fake: FakeApi, request: Request, fault?: NetworkFault): Promise<Response> {
  if (fault === "refused") throw new TypeError("connection refused");
  if (fault === "proxy page") return new Response("<h1>Bad gateway</h1>", { status: 502 });
  if (fault === "hung") {
    return await new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
  }
  const response = await fake.api.fetch(request);
  if (fault === "answer lost") throw new TypeError("connection reset");
  if (fault === undefined || response.body === null) return response;
  return new Response(response.body.pipeThrough(cutAfter(fault)), response);
}

function cutAfter(bytesMax: number): TransformStream<Uint8Array, Uint8Array> {
  let left = bytesMax;
  return new TransformStream({
    transform(chunk, to) {
      if (left > 0) to.enqueue(chunk.slice(0, left));
      left -= chunk.length;
      if (left < 0) to.error(new TypeError("connection reset"));
    },
  });
}

/** Moves the clock until a call has ended. */
export async function settled<T>({ fake }: ClientHarness, call: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => void (isOver = true);
  call.then(over, over);
  for (let moved = 0; !isOver && moved < 1_000; moved++) await fake.runtime.advance(1_000);
  return await call;
}

/** Starts a task. */
export function started({ client }: ClientHarness): Promise<Task> {
  return client.start("orders/process", { input: { id: 1 } });
}

/** Appends a turn in which a step runs. */
export function commit(fake: FakeApi, id: string, index: number, ...more: Event[]): void {
  const attempt = { atMs: fake.runtime.now(), step: index, attempt: 1 };
  fake.engine.commit(
    id as TaskId,
    { kind: "StepStarted", ...attempt, waitedMs: 0, policyVersion: 0 },
    { kind: "StepCompleted", ...attempt, ranMs: 1, result: encodePayload(null, "result") },
    ...more,
  );
}

/** The event that ends a task. */
export function ended(fake: FakeApi): Event {
  return { kind: "TaskEnded", atMs: fake.runtime.now(), end: "completed" };
}

/** Everything a list yields. */
export async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(list);
}

/** The id of an event in a stream. */
export function placeOf({ turn, number }: JournalEntry): string {
  return `${turn}.${number}`;
}
