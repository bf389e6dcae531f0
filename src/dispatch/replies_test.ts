import assert from "node:assert/strict";
import { z } from "zod";
import type { Answer } from "../core/command.ts";
import type { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import type { Delivery, Handled } from "../core/ports.ts";
import {
  attemptFor,
  DispatchHarness,
  OTHER_TASK,
  planFor,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import { AGAIN } from "./consumption.ts";
import { openReplies, type ReplyDeps, takeReply } from "./replies.ts";
import { type Claims, GRACE_MS, ReplyTokens } from "./reply_token.ts";
import { stepCommand } from "./step_command.ts";

const plan = planFor({ contract: { success: { type: "object" } } });

const CHANNEL = "t.reply.stock";

function opened(more: Partial<ReplyDeps> = {}) {
  const harness = new DispatchHarness();
  const deps: ReplyDeps = {
    ...harness,
    runtime: harness.runtime,
    planOf: (taskId) => Promise.resolve(taskId === TASK ? plan : undefined),
    ...more,
  };
  const end = openReplies(deps, ["stock", "mail"]);
  const dueAtMs = harness.runtime.now() + 30_000;
  const command = stepCommand(harness, attemptFor(plan, { attempt: 2, dueAtMs }), {}).envelope;
  const refused = (reason: string) =>
    harness.metrics.counter("tasker_replies_refused_total", reason).value;
  return { harness, deps, end, command, refused };
}

/** What a worker answers to a command. */
function replyTo(command: Envelope, more: Partial<Envelope> = {}): Envelope {
  return {
    specversion: "1.0",
    id: `${command.id}:completed`,
    source: "/stock",
    type: "tasker.step.completed",
    ...(command.subject !== undefined && { subject: command.subject }),
    ...(command.taskerreplytoken !== undefined && { taskerreplytoken: command.taskerreplytoken }),
    data: { reserved: true },
    ...more,
  };
}

function without(envelope: Envelope, name: "subject" | "taskerreplytoken"): Envelope {
  const { [name]: _, ...rest } = envelope;
  return rest as Envelope;
}

const COMPLETED = {
  kind: "RecordStepResult",
  taskId: TASK,
  step: 0,
  attempt: 2,
  outcome: { kind: "completed", result: '{"reserved":true}' },
};

Deno.test("a reply becomes the result of the attempt that its token names", async () => {
  const { harness, command } = opened();

  await harness.publish(CHANNEL, replyTo(command));

  assert.deepEqual(harness.sink.sent, [COMPLETED]);
  assert.deepEqual(harness.dead.letters, []);
  assert.equal(await harness.bus.depth(CHANNEL), 0);
});

Deno.test("the token, not the attributes, says which attempt is answered", async () => {
  const { harness, command } = opened();

  await harness.publish(CHANNEL, replyTo(command, { taskerattempt: 9, correlationid: OTHER_TASK }));

  assert.deepEqual(harness.sink.sent, [COMPLETED]);
});

Deno.test("a failure becomes the result of its attempt", async () => {
  const { harness, command } = opened();
  const data = { error_code: "sold_out", error_message: "none left" };

  await harness.publish(CHANNEL, replyTo(command, { type: "tasker.step.failed", data }));

  const failure = { class: "failed", error: JSON.stringify(data) };
  assert.deepEqual(harness.sink.sent, [{
    ...COMPLETED,
    outcome: { kind: "failed", failure, retryable: false },
  }]);
});

Deno.test("a result that breaks its contract fails the step; the reply is no dead letter", async () => {
  const { harness, command } = opened();

  await harness.publish(CHANNEL, replyTo(command, { data: "yes" }));

  const [sent] = harness.sink.sent;
  assert.ok(sent?.kind === "RecordStepResult" && sent.outcome.kind === "failed");
  assert.equal(sent.outcome.failure.class, "contract_violation");
  assert.deepEqual(harness.dead.letters, []);
});

Deno.test("progress is recorded as a sign of life, and nobody waits for it", async () => {
  const { harness, command } = opened();
  const data = { fraction: 0.5, note: "half" };

  await harness.publish(CHANNEL, replyTo(command, { type: "tasker.step.progress", data }));

  const { kind: _, outcome: __, ...at } = COMPLETED;
  assert.deepEqual(harness.sink.recorded, [{ kind: "RecordProgress", ...at, ...data }]);
  assert.deepEqual(harness.sink.sent, []);
});

Deno.test("a reply is acknowledged only when its command is committed", async () => {
  const { harness, command } = opened();
  const committed = Promise.withResolvers<Answer>();
  harness.sink.decide = () => committed.promise;

  await harness.publish(CHANNEL, replyTo(command));
  const before = await harness.bus.depth(CHANNEL);
  committed.resolve({ taskId: TASK, turn: 3, changed: true });
  await harness.runtime.settle();

  assert.equal(before, 1);
  assert.equal(await harness.bus.depth(CHANNEL), 0);
});

Deno.test("a reply whose command could not be committed comes again", async () => {
  const { harness, command } = opened();
  harness.sink.decide = () => Promise.reject(new TaskerError("journal.unavailable", "away"));
  await harness.publish(CHANNEL, replyTo(command));
  harness.sink.decide = ({ taskId }) => Promise.resolve({ taskId, turn: 3, changed: true });

  await harness.runtime.advance(AGAIN.minMs);

  assert.deepEqual(harness.sink.sent, [COMPLETED, COMPLETED]);
  assert.deepEqual(harness.dead.letters, []);
  assert.equal(await harness.bus.depth(CHANNEL), 0);
});

Deno.test("the same reply twice is the same command twice: the actor drops the repeat", async () => {
  const { harness, command } = opened();
  harness.sink.decide = ({ taskId }) =>
    Promise.resolve({ taskId, turn: 3, changed: harness.sink.sent.length === 1 });

  await harness.publish(CHANNEL, replyTo(command), replyTo(command));

  assert.deepEqual(harness.sink.sent, [COMPLETED, COMPLETED]);
  assert.equal(await harness.bus.depth(CHANNEL), 0);
});

/** What is refused: the channel it came by, what is wrong with it, and the metric's label. */
const REFUSED: Readonly<
  Record<string, {
    label: string;
    channel?: string;
    make(command: Envelope, sign: (claims: Partial<Claims>) => string): unknown;
  }>
> = {
  "without a token": {
    label: "token_missing",
    make: (command) => without(replyTo(command), "taskerreplytoken"),
  },
  "with a token that is none": {
    label: "token_malformed",
    make: (command) => replyTo(command, { taskerreplytoken: "let me in" }),
  },
  "with a forged token": {
    label: "token_forged",
    make: (command) => replyTo(command, { taskerreplytoken: `${command.taskerreplytoken}x` }),
  },
  "with an expired token": {
    label: "token_expired",
    make: (command, sign) => replyTo(command, { taskerreplytoken: sign({ exp: 1 }) }),
  },
  "with a token of another system": {
    label: "other_system",
    channel: "t.reply.mail",
    make: (command) => replyTo(command),
  },
  "about another task": {
    label: "other_subject",
    make: (command) => replyTo(command, { subject: `tasker.${OTHER_TASK}.reserve` }),
  },
  "without a subject": {
    label: "other_subject",
    make: (command) => without(replyTo(command), "subject"),
  },
  "for a step that the plan does not have": {
    label: "unknown_step",
    make: (command, sign) =>
      replyTo(command, {
        taskerreplytoken: sign({ step: "gone" }),
        subject: `tasker.${TASK}.gone`,
      }),
  },
  "of a type that is no answer": {
    label: "unknown_type",
    make: (command) => replyTo(command, { type: "tasker.task.start" }),
  },
  "that is no envelope": {
    label: "envelope_invalid",
    make: () => ({ specversion: "0.3", hello: true }),
  },
};

for (const [what, { label, channel = CHANNEL, make }] of Object.entries(REFUSED)) {
  Deno.test(`a reply ${what} is counted and put aside, and changes nothing`, async () => {
    const { harness, command, refused } = opened();
    const sign = (claims: Partial<Claims>) =>
      harness.tokens.sign({
        task: TASK,
        step: "reserve",
        attempt: 2,
        sys: "stock",
        exp: harness.runtime.now() + 1_000,
        ...claims,
      });
    const reply = make(command, sign);

    await harness.publish(channel, reply);

    assert.deepEqual([...harness.sink.sent, ...harness.sink.recorded], []);
    assert.equal(refused(label), 1);
    assert.equal(harness.metrics.counter("tasker_dead_letters_total", "reply").value, 1);
    assert.deepEqual(harness.dead.letters.map((letter) => letter.channel), [channel]);
    assert.deepEqual(harness.dead.letters.map(({ body }) => body), [JSON.stringify(reply)]);
    assert.equal(await harness.bus.depth(channel), 0);
  });
}

Deno.test("a reply within the grace after its attempt's end is taken", async () => {
  const { harness, command } = opened();
  await harness.runtime.advance(30_000 + GRACE_MS);

  await harness.publish(CHANNEL, replyTo(command));

  assert.deepEqual(harness.sink.sent, [COMPLETED]);
});

Deno.test("a reply for a task that is gone is put aside", async () => {
  const { harness, command } = opened({ planOf: () => Promise.resolve(undefined) });

  await harness.publish(CHANNEL, replyTo(command));

  assert.deepEqual(harness.sink.sent, []);
  assert.equal(harness.dead.letters.length, 1);
});

Deno.test("a reply comes again while its task cannot be looked up", async () => {
  const looks: TaskId[] = [];
  const { harness, command } = opened({
    planOf(taskId) {
      looks.push(taskId);
      return looks.length === 1
        ? Promise.reject(new TaskerError("journal.unavailable", "away"))
        : Promise.resolve(plan);
    },
  });
  await harness.publish(CHANNEL, replyTo(command));

  await harness.runtime.advance(AGAIN.minMs);

  assert.deepEqual(harness.sink.sent, [COMPLETED]);
  assert.deepEqual(harness.dead.letters, []);
});

Deno.test("a reply signed before a rotation is taken after it", async () => {
  const { harness, command } = opened();
  const young = { kid: "young", secret: new Uint8Array(32).fill(3).toBase64() };
  const keys = [young, ...harness.tokens.deps.keys] as const;
  const rotated = opened({ tokens: new ReplyTokens({ runtime: harness.runtime, keys }) });

  await rotated.harness.publish(CHANNEL, replyTo(command));

  assert.deepEqual(rotated.harness.sink.sent, [COMPLETED]);
});

Deno.test("takeReply() names the envelope that was answered", async () => {
  const { deps, command } = opened();

  assert.equal(await takeReply(deps, "stock", replyTo(command)), command.id);
});

Deno.test("a reply over HTTP that is no valid envelope is refused, and fails its attempt", async () => {
  const { harness, deps, command } = opened();
  const reply = { ...replyTo(command), time: "yesterday" };

  await assert.rejects(takeReply(deps, "stock", reply), { code: "bus.envelope_invalid" });

  const [sent] = harness.sink.sent;
  assert.ok(sent?.kind === "RecordStepResult" && sent.outcome.kind === "failed");
  assert.equal(sent.outcome.failure.class, "contract_violation");
});

Deno.test("ending waits for the replies in hand", async () => {
  const { harness, end, command } = opened();
  const committed = Promise.withResolvers<Answer>();
  harness.sink.decide = () => committed.promise;
  await harness.publish(CHANNEL, replyTo(command));
  let isEnded = false;

  const ending = end().then(() => isEnded = true);
  await harness.runtime.settle();
  const wasEnded = isEnded;
  committed.resolve({ taskId: TASK, turn: 3, changed: true });
  await ending;

  assert.equal(wasEnded, false);
  assert.equal(await harness.bus.depth(CHANNEL), 0);
});

Deno.test("the code's contract is used where the code is loaded", async () => {
  const success = z.object({ reserved: z.boolean(), count: z.int().default(1) });
  const { harness, command } = opened({
    planOf: () => Promise.resolve(planFor({}, {}, { success })),
  });

  await harness.publish(CHANNEL, replyTo(command));

  const outcome = { kind: "completed", result: '{"reserved":true,"count":1}' };
  assert.deepEqual(harness.sink.sent, [{ ...COMPLETED, outcome }]);
});

/** Takes bodies as they are, as a broker may bring them. */
function openedRaw() {
  const handlers = new Map<string, (delivery: Delivery) => Promise<Handled>>();
  const bus: ReplyDeps["bus"] = {
    consume(channel, _, handle) {
      handlers.set(channel, handle);
      return Promise.resolve(() => Promise.resolve());
    },
  };
  const deliver = (channel: string, body: string) =>
    handlers.get(channel)?.({ body, deliveries: 1 });
  return { ...opened({ bus }), deliver };
}

/** A value that nests so deep. */
function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

for (
  const [what, data, why] of [
    ["too large", "x".repeat(70_000), /has 7\d{4} bytes, at most 65536 \(64 KiB\) are allowed/],
    ["nested too deep", nested(40), /nests deeper than 32/],
    ["NaN in its data", "NaN", /not valid JSON/],
  ] as const
) {
  Deno.test(`a reply ${what} was put aside, and its attempt left to its time-out`, async () => {
    const { harness, command, refused, deliver } = openedRaw();
    const reply = JSON.stringify(replyTo(command, { data }));
    const body = data === "NaN" ? reply.replace(`"NaN"`, "NaN") : reply;

    assert.deepEqual(await deliver(CHANNEL, body), { kind: "ack" });

    const [sent] = harness.sink.sent;
    assert.ok(sent?.kind === "RecordStepResult" && sent.outcome.kind === "failed");
    assert.deepEqual({ step: sent.step, attempt: sent.attempt }, { step: 0, attempt: 2 });
    assert.equal(sent.outcome.retryable, false);
    assert.equal(sent.outcome.failure.class, "contract_violation");
    assert.match(sent.outcome.failure.error, why);
    assert.equal(refused("envelope_invalid"), 1);
    assert.deepEqual(harness.dead.letters, []);
  });
}

for (
  const [what, change] of [
    ["of another system", (body: string) => body],
    [
      "whose token is forged",
      (body: string) => body.replace(`"taskerreplytoken":"v1.`, `"taskerreplytoken":"v1.x`),
    ],
    [
      "that quotes another envelope",
      (body: string) => body.replace(`"data":`, `"subject":"other","data":`),
    ],
    ["of progress", (body: string) => body.replace("step.completed", "step.progress")],
  ] as const
) {
  Deno.test(`a reply ${what} that cannot be read fails nothing, and is put aside`, async () => {
    const { harness, command, deliver } = openedRaw();
    const reply = JSON.stringify(replyTo(command, { data: "NaN" })).replace(`"NaN"`, "NaN");
    const channel = what === "of another system" ? "t.reply.mail" : CHANNEL;

    await deliver(channel, change(reply));

    assert.deepEqual(harness.sink.sent, []);
    assert.equal(harness.dead.letters.length, 1);
  });
}
