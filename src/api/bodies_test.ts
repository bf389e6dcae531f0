/** Bodies of requests: what is refused before anything is done with it. */

import { deepEqual, equal, match } from "node:assert/strict";
import { fakeApi } from "../../tests/support/fake_api.ts";
import type { Problem } from "../operations/problem.ts";
import { BODY_BYTES_MAX, BODY_MS_MAX } from "./request.ts";

async function problemIn(response: Response): Promise<Problem> {
  equal(response.headers.get("content-type"), "application/problem+json");
  return await response.json();
}

Deno.test("a body that is too large is refused before the key is checked", async () => {
  const fake = fakeApi();
  const body = JSON.stringify("x".repeat(BODY_BYTES_MAX));

  const response = await fake.ask("POST /v1/tasks", {
    key: "",
    body,
    headers: { "content-length": String(body.length) },
  });

  equal((await problemIn(response)).code, "api.too_large");
});

Deno.test("a body that hides its size is refused while it is read", async () => {
  const fake = fakeApi();
  const problem = await problemIn(
    await fake.ask("POST /v1/tasks", { body: JSON.stringify("x".repeat(BODY_BYTES_MAX)) }),
  );

  equal(problem.code, "api.too_large");
});

Deno.test("a body that nests too deep is refused", async () => {
  const fake = fakeApi();
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

  const problem = await problemIn(await fake.ask("POST /v1/tasks", { body: deep }));

  equal(problem.code, "api.too_large");
});

Deno.test("a body that is not valid JSON, or has another type, is refused", async () => {
  const fake = fakeApi();
  const headers = { "content-type": "multipart/form-data; boundary=x" };

  for (const options of [{ body: "{" }, { body: "{}", headers }]) {
    const problem = await problemIn(await fake.ask("POST /v1/tasks", options));
    equal(problem.code, "api.bad_request");
  }
});

Deno.test("the wait for a body that never arrives is bounded", async () => {
  const fake = fakeApi();
  let isCancelled = false;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"workflow":')),
    cancel: () => void (isCancelled = true),
  });
  const request = new Request("http://tasker.test/v1/tasks", {
    method: "POST",
    headers: { authorization: `Bearer ${fake.key()}` },
    body,
  });

  const answered = fake.api.fetch(request);
  await fake.runtime.advance(BODY_MS_MAX);
  const response = await answered;

  equal(response.status, 400);
  match((await response.json()).detail, /not arrived within 30 s/);
  equal(isCancelled, true);
});

Deno.test("the requests that are computed are noted until the event loop goes on", async () => {
  const noted: (string | undefined)[] = [];
  const fake = fakeApi({ noteRequest: (request) => noted.push(request) });
  const body = { workflow: "orders/process", input: { id: 1 } };

  await Promise.all([fake.ask("POST /v1/tasks", { body }), fake.ask("POST /v1/tasks", { body })]);
  await new Promise((wake) => setTimeout(wake));

  const post = "POST /v1/tasks";
  deepEqual(noted.filter((one) => one !== undefined), [post, post]);
  equal(noted.at(-1), undefined);
});
