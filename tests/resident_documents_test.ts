import assert from "node:assert/strict";
import { fillPolicy } from "../src/core/policy.ts";
import type { Command } from "../src/core/command.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { CommittedTurn, ResidentTask } from "../src/core/ports.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { TaskReader } from "../src/api/task_reader.ts";
import { taskDocument } from "../src/operations/task_documents.ts";
import { fakeApi } from "./support/fake_api.ts";
import { EngineHarness } from "./support/engine_harness.ts";
import type { DriverStep } from "./support/task_driver.ts";

const policyOf = () => fillPolicy(false);

const NO_QUERY = () => Promise.reject(new Error("a query"));

/** Shows what the memory has, without anything to read from. */
const memory = new TaskReader({
  history: { tasks: NO_QUERY, counts: NO_QUERY, task: NO_QUERY, turns: NO_QUERY, ping: NO_QUERY },
  plans: { byHash: NO_QUERY },
  residents: { peek: () => undefined, tenure: () => undefined },
  policyOf,
  traceUrl: undefined,
  runtime: new VirtualRuntime(),
});

/** Checks each turn of a node as it is committed; returns the states that were compared. */
function compareAll(harness: EngineHarness): string[] {
  const compared: string[] = [];
  const check = async ({ taskId, state, resident }: CommittedTurn) => {
    assert.ok(resident, `turn without a state: ${state}`);
    const read = fromJournal(harness, taskId, resident);
    assert.deepEqual((await memory.showResident(resident)).body, read);
    compared.push(state);
  };
  harness.engine.supervisor.subscribe((committed) => {
    check(committed).catch((error) => compared.push(String(error)));
  });
  return compared;
}

/** The document of a task as its journal and its row give it. */
function fromJournal(harness: EngineHarness, taskId: TaskId, { plan, row }: ResidentTask) {
  const state = harness.state(taskId);
  const { namespace, name, version } = plan.definition;
  return taskDocument({
    plan,
    state,
    summary: {
      taskId,
      namespace,
      workflow: name,
      version,
      definitionHash: plan.hash,
      state: row.state,
      blockedReason: row.blockedReason ?? undefined,
      tags: state.tags,
      labels: row.labels ?? [],
      createdAtMs: state.createdAtMs,
      endedAtMs: state.endedAtMs,
    },
    isSameTurn: false,
    shown: "all",
    policyOf,
  });
}

const by = { by: "ada", reason: "" };

/** Steps, what is asked of their task, and the states it is seen in. */
const SCENARIOS: Readonly<
  Record<string, {
    steps: DriverStep[];
    commands?: (taskId: TaskId) => Command[];
    seen: string[];
  }>
> = {
  "a chain that completes": {
    steps: [{ name: "a" }, { name: "b", after: ["a"] }],
    seen: ["running", "running", "completed"],
  },
  "a step that is tried again, and parks": {
    steps: [{ name: "bad", policy: { retry: { attemptsMax: 2, delayMsMin: 10 } } }],
    seen: ["running", "waiting", "running", "blocked"],
  },
  "a signal, a pause and a resume": {
    steps: [{ name: "ok", kind: "signal" }, { name: "b", after: ["ok"] }],
    commands: (taskId) => [
      { kind: "PauseTask", taskId, commandId: "1", ...by },
      {
        kind: "SendSignal",
        taskId,
        commandId: "2",
        name: "ok",
        payload: '{"yes":true}' as JsonText,
      },
      { kind: "ResumeTask", taskId, commandId: "3", ...by },
    ],
    seen: ["waiting", "paused", "paused", "running", "completed"],
  },
  "a cancel while another system works": {
    steps: [{ name: "r", kind: "remote", owner: "other", event: "x" }, { name: "b", after: ["r"] }],
    commands: (taskId) => [{ kind: "CancelTask", taskId, commandId: "1", ...by }],
    seen: ["waiting", "cancelled"],
  },
  "a step that waits for a place": {
    steps: [
      { name: "long", policy: { concurrencyMax: 1 } },
      { name: "bad", after: ["long"], policy: { retry: { attemptsMax: 1 } } },
    ],
    seen: ["running", "running", "blocked"],
  },
};

for (const [name, { steps, commands, seen }] of Object.entries(SCENARIOS)) {
  Deno.test(`memory shows a task as its journal does, after each turn: ${name}`, async () => {
    const harness = await EngineHarness.open(steps, {
      bad: () => Promise.reject(new Error("broken")),
    });
    const compared = compareAll(harness);

    const { taskId } = await harness.start();
    for (const command of commands?.(taskId) ?? []) await harness.send(command);
    await harness.runtime.advance(1_000);

    assert.deepEqual(compared, seen);
  });
}

function startOf({ engine, plan }: EngineHarness, commandId: string): Command {
  return {
    kind: "StartTask",
    taskId: engine.router.mintTaskId(),
    commandId,
    namespace: "test",
    workflow: plan.workflow,
    version: "1.0.0",
    definitionHash: plan.hash,
    input: "{}" as JsonText,
    tags: [],
  };
}

for (const [query, seen] of [["", ["running", 1]], ["?waitMs=1000", ["completed", 3]]] as const) {
  Deno.test(`POST /v1/tasks${query} over real actors is answered without a query`, async () => {
    const harness = await EngineHarness.open([{ name: "a" }, { name: "b", after: ["a"] }]);
    const { engine, runtime, plan } = harness;
    const fake = fakeApi({
      runtime,
      feed: engine.supervisor,
      residents: engine,
      history: {
        tasks: NO_QUERY,
        counts: NO_QUERY,
        task: NO_QUERY,
        turns: NO_QUERY,
        ping: NO_QUERY,
      },
      plans: { byHash: NO_QUERY },
      starter: { start: ({ commandId }) => engine.router.send(startOf(harness, commandId)) },
    });

    const body = { workflow: plan.workflow, input: {} };
    const { state, turn } = await fake.json(`POST /v1/tasks${query}`, { body });

    assert.deepEqual([state, turn], seen);
  });
}
