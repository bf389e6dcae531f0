import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { CallToolResult } from "@modelcontextprotocol/client";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { fakeMcp } from "../../tests/support/fake_mcp.ts";
import { type rawMcp, RpcError } from "../../tests/support/mcp.ts";
import { TASKS_EXTENSION } from "./task_handle.ts";

const TASKS = { extensions: { [TASKS_EXTENSION]: {} } };
const START = { name: "start_task", arguments: { workflow: "orders/process", input: { id: 1 } } };

async function started(ask: ReturnType<typeof rawMcp>): Promise<TaskId> {
  const { taskId } = await ask("tools/call", START);
  return taskId as TaskId;
}

Deno.test("a call by a client that follows tasks answers with the task itself", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: TASKS });

  const id = await started(ask);
  const read = await ask("tasks/get", { taskId: id });

  equal(fake.engine.starts.length, 1);
  equal(read.taskId, id);
  equal(read.status, "working");
  equal(read.ttlMs, null);
});

/** Lets a task wait for its signal, with a form. */
function awaitApproval(fake: ReturnType<typeof fakeMcp>, id: TaskId): void {
  const at = { atMs: fake.runtime.now(), attempt: 1, waitedMs: 0, policyVersion: 0 };
  fake.engine.commit(id, { ...at, kind: "StepStarted", step: 2 });
}

Deno.test("a task that waits for a signal asks for it, and takes the answer once", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: { ...TASKS, elicitation: {} } });
  const id = await started(ask);
  awaitApproval(fake, id);

  const read = await ask("tasks/get", { taskId: id });
  const inputResponses = {
    "signal:approval": { action: "accept", content: { value: '{"ok":1}' } },
  };
  await ask("tasks/update", { taskId: id, inputResponses });
  await ask("tasks/update", { taskId: id, inputResponses });

  equal(read.status, "input_required");
  deepEqual(Object.keys(read.inputRequests as object), ["signal:approval"]);
  const [first, second] = fake.engine.commands;
  equal(first?.kind, "SendSignal");
  equal(first?.kind === "SendSignal" && first.payload, '{"ok":1}');
  equal(first?.commandId, second?.commandId);
});

Deno.test("an answer that declines, or that nobody asked for, changes nothing", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: { ...TASKS, elicitation: {} } });
  const id = await started(ask);
  awaitApproval(fake, id);

  const inputResponses = {
    "signal:approval": { action: "decline" },
    "signal:other": { action: "accept", content: {} },
    "choice:validate:1": { action: "accept", content: { choice: "skip" } },
  };
  const answer = await ask("tasks/update", { taskId: id, inputResponses });

  equal(answer.resultType ?? "complete", "complete");
  deepEqual(fake.engine.commands, []);
});

Deno.test("a client that cannot ask people sees what the task waits for, and no question", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: TASKS });
  const id = await started(ask);
  awaitApproval(fake, id);

  const read = await ask("tasks/get", { taskId: id });

  equal(read.status, "working");
  equal(read.inputRequests, undefined);
});

Deno.test("a key that may not answer is asked nothing", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  awaitApproval(fake, id);
  const key = fake.key(["read"], ["orders"]);
  const ask = fake.raw({ key, capabilities: { ...TASKS, elicitation: {} } });

  const read = await ask("tasks/get", { taskId: id });
  await ask("tasks/update", {
    taskId: id,
    inputResponses: { "signal:approval": { action: "accept", content: {} } },
  });

  equal(read.status, "working");
  deepEqual(fake.engine.commands, []);
});

Deno.test("a task is cancelled by its id, and again without harm", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: TASKS });
  const id = await started(ask);

  await ask("tasks/cancel", { taskId: id });
  await ask("tasks/cancel", { taskId: id });

  const ids = fake.engine.commands.map(({ commandId }) => commandId);
  equal(fake.engine.commands[0]?.kind, "CancelTask");
  equal(new Set(ids).size, 1);
});

Deno.test("a task that is unknown, or of another namespace, is refused as invalid", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const ask = fake.raw({
    key: fake.key(undefined, ["billing"]),
    capabilities: TASKS,
  });

  for (const taskId of [id, "not-an-id", ".."]) {
    for (const method of ["tasks/get", "tasks/cancel"]) {
      await rejects(ask(method, { taskId }), (error) => {
        equal(error instanceof RpcError && error.code, -32602, `${method} ${taskId}`);
        return true;
      });
    }
  }
  deepEqual(fake.engine.commands, []);
});

Deno.test("a client that does not know of tasks gets none, and cannot use their methods", async () => {
  const fake = fakeMcp();
  const ask = fake.raw();

  const result = await ask("tools/call", START);

  match(JSON.stringify(result.structuredContent), /get_task/);
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    await rejects(ask(method, { taskId: "x", inputResponses: {} }), (error) => {
      equal(error instanceof RpcError && error.code, -32021, method);
      return true;
    });
  }
});

Deno.test("a task that ended is answered with its result, and one that failed says why", async () => {
  const fake = fakeMcp();
  const ask = fake.raw({ capabilities: TASKS });
  const [completed, failed] = [await started(ask), await fake.started()];
  const at = { atMs: fake.runtime.now() };
  const failure = { class: "failed", error: encodePayload({ error_code: "no_stock" }, "error") };
  fake.engine.commit(completed, { ...at, kind: "TaskEnded", end: "completed" });
  fake.engine.commit(
    failed,
    { ...at, kind: "StepFailed", step: 0, attempt: 1, final: true, failure } as never,
    { ...at, kind: "TaskEnded", end: "failed" },
  );

  const [good, bad] = await Promise.all(
    [completed, failed].map((taskId) => ask("tasks/get", { taskId })),
  );

  equal(good?.status, "completed");
  equal(bad?.status, "completed");
  equal((good?.result as CallToolResult).isError ?? false, false);
  equal((bad?.result as CallToolResult).isError, true);
});
