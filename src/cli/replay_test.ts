import { deepEqual } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { entriesOf } from "../operations/task_documents.ts";
import { openClient } from "../client.ts";
import type { Event } from "../core/event.ts";
import { encodePayload } from "../core/payload.ts";
import { eventOf, foldJournal } from "./replay.ts";

const atMs = 1_767_225_600_123;
const step = 1;
const attempt = 2;
const text = encodePayload({ a: [1, "x", null] }, "payload");
const failure = { class: "thrown", error: text } as const;
const hand = { by: "ada", reason: "why not" };

/** One event of each kind, with every field it may have. */
const EVENTS: { [K in Event["kind"]]: Extract<Event, { kind: K }> } = {
  TaskStarted: {
    kind: "TaskStarted",
    atMs,
    definitionHash: "hash0",
    input: text,
    tags: ["vip"],
    key: "A-1",
    deadlineAtMs: atMs + 1,
    traceparent: "00-1-2-01",
  },
  StepStarted: {
    kind: "StepStarted",
    atMs,
    step,
    attempt,
    waitedMs: 3,
    policyVersion: 1,
    dueAtMs: atMs,
  },
  StepSlept: { kind: "StepSlept", atMs, step, dueAtMs: atMs + 9 },
  StepCompleted: { kind: "StepCompleted", atMs, step, attempt, ranMs: 4, result: text },
  StepAttemptFailed: {
    kind: "StepAttemptFailed",
    atMs,
    step,
    attempt,
    ranMs: 4,
    failure,
    nextAttemptAtMs: atMs + 5,
    policyVersion: 1,
  },
  StepInterrupted: { kind: "StepInterrupted", atMs, step, attempt },
  StepFailed: { kind: "StepFailed", atMs, step, attempt, ranMs: 4, failure, policyVersion: 1 },
  StepParked: {
    kind: "StepParked",
    atMs,
    step,
    attempt,
    ranMs: 4,
    reason: "attempts_exhausted",
    choices: ["retry", "skip"],
    failure,
    policyVersion: 1,
  },
  StepRetried: { kind: "StepRetried", atMs, step, ...hand },
  StepResolved: { kind: "StepResolved", atMs, step, ...hand, result: text },
  StepSkipped: { kind: "StepSkipped", atMs, step, ...hand, result: encodePayload(null, "result") },
  StepCancelled: { kind: "StepCancelled", atMs, step },
  StepUnreached: { kind: "StepUnreached", atMs, step, cause: 0 },
  SignalReceived: { kind: "SignalReceived", atMs, step: 2, payload: text },
  TaskPaused: { kind: "TaskPaused", atMs, ...hand },
  TaskResumed: { kind: "TaskResumed", atMs, ...hand },
  TaskCancelRequested: { kind: "TaskCancelRequested", atMs, ...hand },
  TaskAborted: { kind: "TaskAborted", atMs, reason: "deadline" },
  TaskPassivated: { kind: "TaskPassivated", atMs, wakeAtMs: atMs + 7 },
  StepChosen: { kind: "StepChosen", atMs, step, ...hand, choice: "skip" },
  TaskEnded: { kind: "TaskEnded", atMs, end: "failed" },
};

Deno.test("eventOf() gives back every kind of event as it was before the API showed it", () => {
  const [plan] = fakeApi().engine.plans;
  if (plan === undefined) throw new Error("no plan");
  const events = Object.values(EVENTS);

  const entries = JSON.parse(
    JSON.stringify(entriesOf(plan, { turn: 1, commandIds: [], events }, "all")),
  );

  deepEqual(entries.map((entry: never) => eventOf(plan, entry)), events);
});

Deno.test("foldJournal() makes the task that the server shows, after every turn", async () => {
  const fake = fakeApi();
  const client = openClient({ url: "http://t", key: fake.key(), fetch: fake.api.fetch });
  const id = await fake.started();
  const [version] = (await client.workflows.get("orders/process")).versions;
  if (version === undefined) throw new Error("no version");
  const at = { atMs: fake.runtime.now() };
  const first = { ...at, step: 0, attempt: 1 };
  const turns: Event[][] = [
    [{ kind: "StepStarted", ...first, waitedMs: 0, policyVersion: 0, dueAtMs: at.atMs + 9 }],
    [{ ...EVENTS.StepParked, ...first }],
    [{ kind: "TaskPaused", ...at, ...hand }],
    [{ kind: "TaskResumed", ...at, ...hand }, { ...EVENTS.StepSkipped, ...first }],
    [{ kind: "StepUnreached", ...at, step: 1, cause: 0 }, {
      kind: "StepCancelled",
      ...at,
      step: 2,
    }],
    [{ kind: "TaskEnded", ...at, end: "failed" }],
  ];
  const shown = [await client.get(id)];

  for (const events of turns) {
    fake.engine.commit(id, ...events);
    shown.push(await client.get(id));
  }
  const task = await client.get(id);
  const journal = await Array.fromAsync(client.journal(id));

  for (const [index, expected] of shown.entries()) {
    const entries = journal.filter(({ turn }) => turn <= index + 1);
    deepEqual(JSON.parse(JSON.stringify(foldJournal({ task, version, entries }))), expected);
  }
});
