import assert from "node:assert/strict";
import {
  attemptFor,
  DispatchHarness,
  planFor,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import type { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import type { EgressRequest, EgressResponse } from "../core/ports.ts";
import { openHttpSystem } from "./http_system.ts";
import { stepCancelled, stepCommand } from "./step_command.ts";

const plan = planFor({ contract: { success: { type: "object" } } });
const CHANNEL = "t.cmd.stock";
const HEADERS = { authorization: { secret: "STOCK_TOKEN", prefix: "Bearer " } };

type Played = Partial<Omit<EgressResponse, "body">> & { readonly body?: string };
type Play = (request: EgressRequest) => Played | Promise<Played>;

/** A system whose answers a test plays. */
function opened(play: Play) {
  const harness = new DispatchHarness();
  const asked: EgressRequest[] = [];
  const deps = {
    ...harness,
    runtime: harness.runtime,
    planOf: () => Promise.resolve(plan),
    egress: {
      async request(request: EgressRequest): Promise<EgressResponse> {
        asked.push(request);
        const { status = 200, headers = {}, body = "" } = await play(request);
        return { status, headers, body: new TextEncoder().encode(body) };
      },
    },
  };
  const system = { name: "stock", url: "https://stock.test/tasker", headers: HEADERS };
  const end = openHttpSystem(deps, system);
  const dueAtMs = harness.runtime.now() + 30_000;
  const command =
    stepCommand(harness, attemptFor(plan, { attempt: 2, dueAtMs }), { a: 1 }).envelope;
  return { harness, asked, end, command };
}

/** The answer of a system to the envelope of a request. */
function replyTo({ body = "" }: EgressRequest, more: Partial<Envelope> = {}): string {
  const { id, subject, taskerreplytoken } = JSON.parse(body);
  return JSON.stringify({
    specversion: "1.0",
    id: `${id}:completed`,
    source: "/stock",
    type: "tasker.step.completed",
    subject,
    taskerreplytoken,
    data: { reserved: true },
    ...more,
  });
}

/** The outcome of the only result that was recorded. */
function outcomeIn({ sink: { sent } }: DispatchHarness) {
  const [command, ...others] = sent;
  assert.deepEqual(others, []);
  assert.ok(command?.kind === "RecordStepResult");
  assert.deepEqual([command.taskId, command.step, command.attempt], [TASK, 0, 2]);
  if (command.outcome.kind === "completed") return command.outcome;
  const { failure, ...how } = command.outcome;
  const { error_code, error_message } = JSON.parse(failure.error);
  return { ...how, class: failure.class, code: error_code, message: error_message };
}

Deno.test("a system gets the same envelope as over the bus, with its headers", async () => {
  const { harness, asked, command } = opened((request) => ({ body: replyTo(request) }));

  await harness.publish(CHANNEL, command);

  assert.equal(asked.length, 1);
  const { signal: _, ...request } = asked[0] as EgressRequest;
  assert.deepEqual({ ...request, body: JSON.parse(request.body ?? "") }, {
    method: "POST",
    url: "https://stock.test/tasker",
    headers: {
      accept: "application/cloudevents+json",
      "content-type": "application/cloudevents+json",
      "user-agent": "tasker",
      ...HEADERS,
    },
    body: JSON.parse(JSON.stringify(command)),
    timeoutMs: 30_000,
    bytesMax: 64 * 1_024,
  });
});

Deno.test("200 with a reply ends the attempt", async () => {
  const { harness, command } = opened((request) => ({ body: replyTo(request) }));

  await harness.publish(CHANNEL, command);

  assert.deepEqual(outcomeIn(harness), { kind: "completed", result: '{"reserved":true}' });
});

Deno.test("202 promises a reply: nothing is recorded, and the envelope is done", async () => {
  const { harness, command, asked } = opened(() => ({ status: 202 }));

  await harness.publish(CHANNEL, command);
  await harness.runtime.advance(120_000);

  assert.deepEqual([harness.sink.sent, asked.length], [[], 1]);
  assert.deepEqual(harness.dead.letters, []);
});

Deno.test("200 without a reply, or with that of another attempt, fails the attempt for good", async () => {
  const bodies: readonly ((request: EgressRequest) => string)[] = [
    () => "",
    () => "thanks",
    () => '{"reserved":true}',
    (request) => replyTo(request, { taskerreplytoken: "forged" }),
    (request) => replyTo(request, { subject: "tasker.other.step" }),
    (request) => replyTo(request, { type: "tasker.step.unknown" }),
  ];
  for (const body of bodies) {
    const { harness, command } = opened((request) => ({ body: body(request) }));

    await harness.publish(CHANNEL, command);

    const { kind, ...ended } = outcomeIn(harness) as { kind: string; class?: string };
    assert.deepEqual([kind, ended.class], ["failed", "contract_violation"]);
  }
});

Deno.test("statuses that may pass fail the attempt alone, others fail the step", async () => {
  for (const status of [408, 425, 429, 500, 503]) {
    const { harness, command } = opened(() => ({ status, headers: { "retry-after": "7" } }));
    await harness.publish(CHANNEL, command);
    const outcome = outcomeIn(harness);
    assert.ok(outcome.kind === "failed" && outcome.retryable, String(status));
    assert.deepEqual([outcome.retryAfterMs, outcome.class], [7_000, "thrown"]);
  }
  for (const status of [201, 204, 302, 400, 401, 404, 410, 422]) {
    const { harness, command } = opened(() => ({ status, body: "no" }));
    await harness.publish(CHANNEL, command);
    const outcome = outcomeIn(harness);
    assert.ok(outcome.kind === "failed" && !outcome.retryable, String(status));
    assert.equal(outcome.message, `System "stock" answered ${status}: no`);
  }
});

Deno.test("a system that does not answer fails the attempt, one that may not be called the step", async () => {
  for (const code of ["egress.failed", "egress.refused"] as const) {
    const { harness, command } = opened(() => Promise.reject(new TaskerError(code, "Cannot call")));

    await harness.publish(CHANNEL, command);

    const outcome = outcomeIn(harness);
    assert.deepEqual([outcome.kind === "failed" && outcome.retryable], [code === "egress.failed"]);
  }
});

Deno.test("an envelope is sent again when our own guard ended, and its attempt is not charged", async () => {
  let asked = 0;
  const { harness, command } = opened((request) => {
    if (asked++ === 0) throw new TaskerError("egress.unavailable", "Cannot ask the guard");
    return { body: replyTo(request) };
  });

  await harness.publish(CHANNEL, command);
  await harness.runtime.advance(1_000);

  assert.equal(asked, 2);
  assert.equal(outcomeIn(harness).kind, "completed");
});

Deno.test("a result that cannot be committed now is asked for again under the same id", async () => {
  const { harness, asked, command } = opened((request) => ({ body: replyTo(request) }));
  const away = new TaskerError("journal.unavailable", "Cannot commit");
  harness.sink.decide = () => Promise.reject(away);

  await harness.publish(CHANNEL, command);
  harness.sink.decide = ({ taskId }) => Promise.resolve({ taskId, turn: 1, changed: true });
  await harness.runtime.advance(1_000);

  const ids = asked.map(({ body = "" }) => JSON.parse(body).id);
  assert.deepEqual(ids, [command.id, command.id]);
});

Deno.test("an envelope that has expired is not sent", async () => {
  const { harness, asked, command } = opened(() => ({ status: 202 }));

  await harness.runtime.advance(30_000);
  await harness.publish(CHANNEL, command);

  assert.deepEqual([asked, harness.sink.sent], [[], []]);
});

Deno.test("a request to stop is sent once, whatever comes of it", async () => {
  const { harness, asked } = opened(() => Promise.reject(new TaskerError("egress.failed", "no")));
  const step = plan.steps[0];
  assert.ok(step !== undefined);

  await harness.publish(CHANNEL, stepCancelled(harness, { taskId: TASK, step, attempt: 2 }));
  await harness.runtime.advance(60_000);

  assert.equal(asked.length, 1);
  assert.deepEqual([harness.sink.sent, harness.dead.letters], [[], []]);
});

Deno.test("what is no envelope becomes a dead letter, and is not sent", async () => {
  const { harness, asked } = opened(() => ({ status: 202 }));

  await harness.publish(CHANNEL, { hello: "world" });

  assert.deepEqual([asked.length, harness.dead.letters.length], [0, 1]);
});

Deno.test("ending aborts what is in flight, and another node sends it again", async () => {
  let aborted = 0;
  const { harness, command, end } = opened(({ signal }) =>
    new Promise((_, reject) =>
      signal?.addEventListener("abort", () => {
        aborted++;
        reject(new TaskerError("egress.failed", "aborted"));
      })
    )
  );

  await harness.publish(CHANNEL, command);
  await end();

  assert.deepEqual([aborted, harness.sink.sent], [1, []]);
  assert.deepEqual((await harness.taken(CHANNEL)).map(({ id }) => id), [command.id]);
});
