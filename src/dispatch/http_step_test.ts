import assert from "node:assert/strict";
import { attemptFor, planFor, TASK } from "../../tests/support/dispatch_harness.ts";
import type { Outcome } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import type { HttpCall } from "../core/http_call.ts";
import type { Template } from "../core/mapping.ts";
import { encodePayload } from "../core/payload.ts";
import type { EgressRequest, EgressResponse } from "../core/ports.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { runHttp } from "./http_step.ts";

const NOW_MS = Date.parse("2026-01-31T12:00:00Z");

interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Runs one attempt; `answer` is what the host answers, or throws. */
async function run(
  request: Readonly<Record<string, Template>>,
  answer: Answered | Error = {},
  { http, step, input = {}, dueAtMs, deadlineAtMs }: {
    http?: Partial<HttpCall>;
    step?: Partial<StepDefinition>;
    input?: unknown;
    dueAtMs?: number;
    deadlineAtMs?: number;
  } = {},
): Promise<{ outcome: Outcome | "interrupted"; sent: EgressRequest | undefined }> {
  const plan = planFor({
    kind: "http",
    http: { method: "POST", origin: "https://api.test", ...http },
    with: { url: "https://api.test/a", ...request },
    ...step,
  });
  let sent: EgressRequest | undefined;
  const egress = {
    request: (asked: EgressRequest): Promise<EgressResponse> => {
      sent = asked;
      if (answer instanceof Error) return Promise.reject(answer);
      const { status = 200, headers = {}, body = "" } = answer;
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      return Promise.resolve({ status, headers, body: bytes });
    },
  };
  const attempt = attemptFor(plan, {
    input: encodePayload(input, "the input"),
    dueAtMs,
    ...(deadlineAtMs !== undefined && { deadlineAtMs }),
  });
  const deps = { runtime: { now: () => NOW_MS }, egress };
  return { outcome: await runHttp(deps, attempt, new AbortController().signal), sent };
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

function resultOf({ outcome }: { outcome: Outcome | "interrupted" }): unknown {
  const isCompleted = outcome !== "interrupted" && outcome.kind === "completed";
  assert.ok(isCompleted, JSON.stringify(outcome));
  return JSON.parse(outcome.result);
}

function failureOf({ outcome }: { outcome: Outcome | "interrupted" }) {
  assert.ok(outcome !== "interrupted" && outcome.kind === "failed", JSON.stringify(outcome));
  const { failure, ...how } = outcome;
  const { error_code, error_message } = JSON.parse(failure.error);
  return { ...how, class: failure.class, code: error_code, message: error_message };
}

Deno.test("a request is made of its mapping, with the step's key and its own headers first", async () => {
  const { sent } = await run(
    {
      query: { q: "$.input.q", many: ["a", "b"], absent: "$.input.none" },
      headers: { "X-Kind": "$.input.kind", Accept: "text/plain" },
      body: { to: "$.input.email" },
    },
    {},
    {
      http: { secrets: { Authorization: { secret: "TOKEN", prefix: "Bearer " } } },
      input: { q: "a&b=c", kind: 7, email: "a@b.c" },
      dueAtMs: NOW_MS + 4_000,
    },
  );

  const { signal: _, ...rest } = sent ?? {};
  assert.deepEqual(rest, {
    method: "POST",
    url: "https://api.test/a?q=a%26b%3Dc&many=a&many=b",
    headers: {
      accept: "text/plain",
      "user-agent": "tasker",
      "idempotency-key": `${TASK}/reserve`,
      "content-type": "application/json",
      "x-kind": "7",
      authorization: { secret: "TOKEN", prefix: "Bearer " },
    },
    body: '{"to":"a@b.c"}',
    timeoutMs: 4_000,
    bytesMax: 1_048_576,
  });
});

Deno.test("a request may take until its time-out or the task's deadline, whichever is first", async () => {
  const [dueAtMs, deadlineAtMs] = [NOW_MS + 4_000, NOW_MS + 1_500];

  const byDeadline = await run({}, {}, { dueAtMs, deadlineAtMs });
  const byTimeout = await run({}, {}, { dueAtMs, deadlineAtMs: NOW_MS + 9_000 });

  assert.deepEqual([byDeadline.sent?.timeoutMs, byTimeout.sent?.timeoutMs], [1_500, 4_000]);
});

Deno.test("a GET has no idempotency key, and a text is sent as it is", async () => {
  const get = await run({}, {}, { http: { method: "GET" } });
  const text = await run({ body: "a=b", headers: { "content-type": "application/x-custom" } });

  assert.deepEqual(get.sent?.headers, {
    accept: "application/json, */*;q=0.5",
    "user-agent": "tasker",
  });
  assert.equal(text.sent?.body, "a=b");
  assert.equal(text.sent?.headers["content-type"], "application/x-custom");
});

Deno.test("what is put into the text of a URL stays one part of it", async () => {
  const input = { id: "../x?y#z@evil.test/ü", up: "..", host: "evil.test/" };
  const inside = await run({ url: "https://api.test/users/${input.id}/mail" }, {}, { input });
  const up = await run({ url: "https://api.test/users/${input.up}/mail" }, {}, { input });
  const whole = await run({ url: "$.input.id" }, {}, { input: { id: "https://other.test/x?y" } });

  assert.equal(
    inside.sent?.url,
    "https://api.test/users/..%2Fx%3Fy%23z%40evil.test%2F%C3%BC/mail",
  );
  assert.equal(up.sent, undefined);
  assert.equal(failureOf(up).code, "mapping_failed");
  assert.equal(whole.sent?.url, "https://other.test/x?y");
});

Deno.test("a header or a field of the query that is an object sends nothing", async () => {
  const input = { auth: { secret: "TOKEN" } };
  for (const part of ["headers", "query"]) {
    const made = await run({ [part]: { authorization: "$.input.auth" } }, {}, { input });
    assert.equal(made.sent, undefined);
    assert.equal(failureOf(made).code, "mapping_failed");
  }
});

Deno.test("a result is JSON, text or nothing, by the type of the answer", async () => {
  const body = '{"id":"ü"}';
  const latin = { headers: { "content-type": "text/plain;charset=ISO-8859-1" } };

  assert.deepEqual(resultOf(await run({}, { headers: JSON_TYPE, body })), { id: "ü" });
  const problem = { "content-type": "application/problem+json" };
  assert.deepEqual(resultOf(await run({}, { headers: problem, body })), { id: "ü" });
  assert.equal(resultOf(await run({}, { body, headers: { "content-type": "text/html" } })), body);
  assert.equal(resultOf(await run({}, { ...latin, body: new Uint8Array([0xfc]) })), "ü");
  assert.equal(resultOf(await run({}, { status: 204 })), null);
  assert.equal(resultOf(await run({}, { headers: JSON_TYPE, body: "" })), null);
});

Deno.test("an answer that cannot be kept fails for good", async () => {
  const answers = [
    { headers: JSON_TYPE, body: "{" },
    { headers: { "content-type": "application/octet-stream" }, body: "x" },
    { headers: { "content-type": "text/plain; charset=none" }, body: "x" },
    { headers: { "content-encoding": "gzip" }, body: "x" },
    { headers: JSON_TYPE, body: JSON.stringify("x".repeat(300_000)) },
    { headers: JSON_TYPE, body: '{"a":"\\u0000"}' },
  ];
  for (const answer of answers) {
    const { retryable, class: kind } = failureOf(await run({}, answer));
    assert.deepEqual([retryable, kind], [false, "contract_violation"], answer.body.slice(0, 40));
  }
});

Deno.test("a result is checked by the contract of its step", async () => {
  const success = {
    type: "object",
    properties: { id: { type: "string" } },
    required: ["id"],
  };
  const step = { contract: { success } };

  assert.deepEqual(
    resultOf(await run({}, { headers: JSON_TYPE, body: '{"id":"a"}' }, { step })),
    { id: "a" },
  );
  const broken = failureOf(await run({}, { headers: JSON_TYPE, body: '{"id":1}' }, { step }));
  assert.deepEqual([broken.class, broken.retryable], ["contract_violation", false]);
});

Deno.test("a result has the status and the headers that its step asks for", async () => {
  const http = { responseHeaders: ["Location", "etag"] };
  const headers = { ...JSON_TYPE, location: "/a/1", date: "today" };

  assert.deepEqual(resultOf(await run({}, { status: 201, headers, body: "[1]" }, { http })), {
    status: 201,
    headers: { location: "/a/1" },
    body: [1],
  });
});

Deno.test("408, 425, 429, all from 500 on and what is listed is tried again, the rest is not", async () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599, 409]) {
    const { retryable } = failureOf(await run({}, { status }, { http: { retryOn: [409] } }));
    assert.equal(retryable, true, String(status));
  }
  for (const status of [300, 301, 302, 307, 400, 401, 403, 404, 409, 410, 422, 451]) {
    const { retryable, class: kind, code } = failureOf(await run({}, { status }));
    assert.deepEqual([retryable, kind, code], [false, "failed", `http_${status}`]);
  }
});

Deno.test("a host that fails counts as not answering, one that refuses as answering", async () => {
  assert.equal(failureOf(await run({}, { status: 503 })).class, "thrown");
  assert.equal(failureOf(await run({}, { status: 429 })).class, "failed");
});

Deno.test("Retry-After is obeyed as seconds and as a date", async () => {
  const after = async (text: string) =>
    failureOf(await run({}, { status: 503, headers: { "retry-after": text } })).retryAfterMs;

  assert.equal(await after("7"), 7_000);
  assert.equal(await after("Sat, 31 Jan 2026 12:00:30 GMT"), 30_000);
  assert.equal(await after("Sat, 31 Jan 2026 11:00:00 GMT"), 0);
  assert.equal(await after("soon"), undefined);
  assert.equal(await after("-1"), undefined);
  assert.equal(await after("1.5"), undefined);
});

Deno.test("a failure shows the method, the host and the beginning of the answer", async () => {
  const long = await run({}, {
    status: 404,
    headers: JSON_TYPE,
    body: `{"a":"${"x".repeat(9_999)}"}`,
  });
  const moved = await run({}, { status: 302, headers: { location: "https://b.test/secret" } });

  assert.match(failureOf(long).message, /^POST https:\/\/api\.test was answered 404: {"a":"x+$/);
  assert.ok(failureOf(long).message.length < 600);
  assert.match(failureOf(moved).message, /not followed.* leads to https:\/\/b\.test$/);
});

Deno.test("what an answer repeats of the URL of a webhook is not shown", async () => {
  const url = "https://api.test/hooks/T0K%2FEN-99?sig=S1GNATURE";
  const message = async (body: string, isStatusOnly: boolean, to = url) =>
    failureOf(await run({ url: to }, { status: 404, body }, { http: { isStatusOnly } })).message;
  const body = "Cannot POST /hooks/T0K%2FEN-99?sig=S1GNATURE: no hook T0K/EN-99, bad S1GNATURE";

  assert.match(await message(body, true), /: Cannot POST <url>: no hook <url>, bad <url>$/);
  assert.match(await message(body, false), /sig=<secret> no hook T0K\/EN-99, bad S1GNATURE$/);
  const longer = await message("no abcdefghij", true, "https://api.test/abcdefgh/abcdefghij");
  assert.match(longer, /: no <url>$/);
});

Deno.test("an attempt is not charged for the end of our own guard", async () => {
  const { outcome } = await run({}, new TaskerError("egress.unavailable", "Cannot ask the guard"));

  assert.equal(outcome, "interrupted");
});

Deno.test("what the guard refuses is not tried again, what fails on the way is", async () => {
  const end = async (code: "egress.refused" | "egress.failed" | "payload.too_large") =>
    failureOf(await run({}, new TaskerError(code, "Cannot call it")));

  const refused = await end("egress.refused");
  const failed = await end("egress.failed");
  const large = await end("payload.too_large");

  assert.deepEqual([refused.class, refused.retryable], ["undeliverable", false]);
  assert.deepEqual([failed.class, failed.retryable], ["thrown", true]);
  assert.deepEqual([large.class, large.retryable], ["contract_violation", false]);
});
