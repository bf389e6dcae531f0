import assert from "node:assert/strict";
import type { Command } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";
import { mintTaskId } from "../src/core/ids.ts";
import { encodePayload } from "../src/core/payload.ts";
import type { InboxRow } from "../src/core/ports.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { Forwarder } from "./forwarder.ts";

/** An inbox whose owner answers when asked to, and counts statements. */
class FakeInbox {
  readonly rows: InboxRow[] = [];
  readonly answers = new Map<string, string>();
  readonly posts: number[] = [];
  looks = 0;
  poison: string | undefined;

  post(rows: readonly InboxRow[]): Promise<void> {
    this.posts.push(rows.length);
    if (rows.some(({ command }) => command.taskId === this.poison)) {
      return Promise.reject(new TaskerError("journal.poison", "refused"));
    }
    this.rows.push(...rows);
    return Promise.resolve();
  }

  takeAnswers(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    this.looks++;
    const taken = ids.flatMap((id): [string, string][] => {
      const body = this.answers.get(id);
      return body === undefined ? [] : [[id, body]];
    });
    for (const [id] of taken) this.answers.delete(id);
    return Promise.resolve(new Map(taken));
  }

  answerAll(): void {
    for (const { commandId, command: { taskId } } of this.rows) {
      this.answers.set(commandId, JSON.stringify({ answer: { taskId, turn: 1, changed: true } }));
    }
  }
}

function open() {
  const runtime = new VirtualRuntime();
  const inbox = new FakeInbox();
  const forwarder = new Forwarder({ runtime, nodes: inbox });
  const send = (size = 1) => {
    const taskId = mintTaskId(runtime.now(), 7, crypto.randomUUID());
    const command: Command = {
      kind: "SendSignal",
      taskId,
      commandId: crypto.randomUUID(),
      name: "approval",
      payload: encodePayload("x".repeat(size), "a payload"),
    };
    const outcome = new Promise<string>((resolve) =>
      void forwarder.forward({
        command,
        failedTries: 0,
        answer: () => resolve("answered"),
        refuse: (error) => resolve((error as TaskerError).code),
      })
    );
    return { taskId, outcome };
  };
  return { runtime, inbox, send };
}

Deno.test("commands of one moment are posted in two statements, and one look takes all answers", async () => {
  const { runtime, inbox, send } = open();
  const sent = Array.from({ length: 500 }, () => send().outcome);
  await runtime.advance(1);
  inbox.answerAll();

  await runtime.advance(100);

  assert.deepEqual(new Set(await Promise.all(sent)), new Set(["answered"]));
  assert.deepEqual(inbox.posts, [1, 499]);
  assert.ok(inbox.looks <= 4, `${inbox.looks} looks`);
  const { looks } = inbox;
  await runtime.advance(60_000);
  assert.equal(inbox.looks, looks);
});

Deno.test("one statement posts no more than its size, and a command that Postgres refuses fails alone", async () => {
  const { runtime, inbox, send } = open();
  const large = Array.from({ length: 9 }, () => send(200_000));
  inbox.poison = large[3]?.taskId;
  await runtime.advance(1);
  inbox.answerAll();

  await runtime.advance(1_000);

  const outcomes = await Promise.all(large.map(({ outcome }) => outcome));
  assert.equal(outcomes[3], "journal.poison");
  assert.equal(outcomes.filter((outcome) => outcome === "answered").length, 8);
  assert.ok(Math.max(...inbox.posts) <= 5, `${inbox.posts}`);
});

Deno.test("a command without an answer is refused after 30 s, even while others are answered", async () => {
  const { runtime, inbox, send } = open();
  const { outcome } = send();
  await runtime.advance(1);
  for (let second = 0; second < 31; second++) {
    inbox.rows.splice(0, 1);
    const other = send().outcome;
    await runtime.advance(1);
    inbox.answerAll();
    await runtime.advance(1_000);
    assert.equal(await other, "answered");
  }

  assert.equal(await outcome, "journal.outcome_unknown");
});
