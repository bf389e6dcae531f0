import { deepEqual, equal } from "node:assert/strict";
import { FAILURES_MAX, OPEN_MS, RETRY_COST_MS } from "../core/breaker.ts";
import { type HttpRequest, openTestEngine, type TestEngine, type TestTask } from "../testing.ts";

const MANIFEST = `
name: calls
namespace: tests
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string } } }
workflow_steps:
  - name: create
    http:
      method: POST
      url: https://users.company.com/users
      headers: { authorization: { secret: USERS_TOKEN, prefix: 'Bearer ' } }
      body: { email: $.input.email }
    result: { type: object, required: [id], properties: { id: { type: string } } }
  - name: mail
    http:
      method: PUT
      url: 'https://mail.company.com/\${create.id}'
      body: { to: $.input.email }
  - name: report
    depends_on: mail
    when: failed
    http: { method: POST, url: https://ops.company.com/, body: { why: $.mail.error.error_code } }
`;

async function withEngine(
  http: Parameters<typeof openTestEngine>[1],
  use: (start: () => Promise<TestTask>, advance: TestEngine["advance"]) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, MANIFEST);
    await using engine = await openTestEngine([new URL(`file://${file}`)], http);
    await use(
      () => engine.start("tests/calls", { email: "a@b.c" }),
      (ms) => engine.advance(ms),
    );
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("http steps follow each other by what hosts answer, and retry as they ask", async () => {
  const asked: HttpRequest[] = [];
  let mails = 0;
  const http = (request: HttpRequest) => {
    asked.push(request);
    if (request.url.startsWith("https://users")) return { status: 201, body: { id: "u/1" } };
    return mails++ === 0 ? { status: 503, headers: { "retry-after": "7" } } : { body: "sent" };
  };
  await withEngine({ http }, async (start) => {
    const task = await start();

    equal(await task.end(), "completed");
    deepEqual([task.step("create").result, task.step("mail").result], [{ id: "u/1" }, "sent"]);
    equal(task.step("mail").attempt, 2);
    equal(task.step("report").state, "unreached");
    const [first, again] = task.events.flatMap((event) =>
      event.kind === "StepAttemptFailed" ? [event.atMs, event.nextAttemptAtMs] : []
    );
    equal((again ?? 0) - (first ?? 0) >= 7_000, true);
    deepEqual(asked.map(({ method, url, body }) => `${method} ${url} ${body}`), [
      'POST https://users.company.com/users {"email":"a@b.c"}',
      'PUT https://mail.company.com/u%2F1 {"to":"a@b.c"}',
      'PUT https://mail.company.com/u%2F1 {"to":"a@b.c"}',
    ]);
    equal(asked[0]?.headers.authorization, "Bearer secret:USERS_TOKEN");
    equal(asked[1]?.headers["idempotency-key"], asked[2]?.headers["idempotency-key"]);
  });
});

Deno.test("an http step that is refused fails for good, and the step for that case runs", async () => {
  const http = ({ url }: HttpRequest) => {
    if (url.startsWith("https://mail")) return { status: 404, body: { why: "gone" } };
    return { body: { id: "1" } };
  };
  await withEngine({ http }, async (start) => {
    const task = await start();

    await task.end();
    equal(task.step("mail").state, "failed");
    deepEqual(task.step("mail").error, {
      error_code: "http_404",
      error_message: 'PUT https://mail.company.com was answered 404: {"why":"gone"}',
      http_status: 404,
    });
    equal(task.step("report").state, "completed");
  });
});

Deno.test("without a stand-in no host is called", async () => {
  await withEngine({}, async (start) => {
    const task = await start();

    await task.end();
    equal((task.step("create").error as { error_code: string }).error_code, "egress_refused");
  });
});

Deno.test("steps wait for a host that does not answer, and go on once it does", async () => {
  let isUp = false;
  let asked = 0;
  const http = () => {
    asked++;
    if (!isUp) throw new Error("connection refused");
    return { body: { id: "1" } };
  };
  await withEngine({ http }, async (start, advance) => {
    const tasks = [];
    for (let count = 0; count < 1_100; count++) tasks.push(await start());
    const early = asked;
    const waiting = tasks.filter((task) => task.step("create").state === "pending").length;

    isUp = true;
    await advance(OPEN_MS + RETRY_COST_MS * 1_000);

    deepEqual([early, waiting], [FAILURES_MAX, 1_100 - FAILURES_MAX]);
    equal(tasks.filter((task) => task.step("create").state === "completed").length, 1_100);
  });
});
