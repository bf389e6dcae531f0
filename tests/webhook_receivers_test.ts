/** What a delivery does with each answer of a receiver, by real receivers and the real guard. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { TaskStateName } from "../src/core/state.ts";
import type { JsonText } from "../src/core/payload.ts";
import { webhookDefinition } from "../src/core/webhook.ts";
import { runHttp } from "../src/dispatch/http_step.ts";
import { openGuard } from "../src/egress/guard.ts";
import { NO_RULES, withRule } from "../src/egress/rules.ts";
import { openRuntime } from "../src/server/runtime.ts";
import { certificateFor } from "./support/certificate.ts";
import { attemptFor } from "./support/dispatch_harness.ts";
import { TaskDriver } from "./support/task_driver.ts";

/** What the table calls a receiver that never answers, and how long it is waited for here. */
const HANGS = "no answer within 15 seconds";
const HANG_MS = 100;

const EVENT = { id: "e-1", type: "task.failed", timestamp: "t", data: {} };

interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: () => readonly string[];
}

/** A receiver that says what it likes; `talk` is called with each request's head, once it is there. */
async function receiver(talk: (socket: Socket, count: number) => void): Promise<Receiver> {
  const [sockets, requests]: [Socket[], string[]] = [[], []];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", (head) => talk(socket, requests.push(head.toString())));
    socket.resume();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** A delivery to a URL: each attempt is a real request. */
function deliveryTo(url: string, range = "127.0.0.0/8") {
  const definition = webhookDefinition("hook", { url, secret: "S", version: "v1" });
  const task = new TaskDriver(definition.steps, definition).start(EVENT);
  const runtime = openRuntime();
  const rules = withRule(NO_RULES, range) ?? NO_RULES;
  const egress = openGuard({ runtime, rules, secrets: new Map([["S", "key"]]) });
  return {
    task,
    async attempt(timeoutMs = 60_000): Promise<string> {
      const nowMs = runtime.now();
      const attempt = attemptFor(task.actor.plan, {
        input: JSON.stringify(EVENT) as JsonText,
        dueAtMs: nowMs + timeoutMs,
      });
      const outcome = await runHttp({ runtime, egress }, attempt, new AbortController().signal);
      ok(outcome !== "interrupted");
      task.result("deliver", outcome);
      return followsIn(task);
    },
  };
}

/** What follows for a delivery, in the words of the table. */
function followsIn(task: TaskDriver): string {
  const state = task.task as TaskStateName;
  if (state === "completed") return "delivered";
  if (state === "failed") return "given up at once";
  const { nextAttemptAtMs } = task.step("deliver") as { nextAttemptAtMs: number };
  const inMs = nextAttemptAtMs - task.nowMs;
  if (inMs >= 3_600_000) return "tried again, not before that time";
  ok(inMs >= 5_000 && inMs <= 10_000, `${state}, in ${inMs} ms`);
  return "tried again";
}

const line = (status: string, ...headers: readonly string[]) =>
  ["HTTP/1.1 " + status, ...headers, "", ""].join("\r\n");

const answer = (status: string, ...headers: readonly string[]) => (socket: Socket) =>
  void socket.end(line(status, "content-length: 0", ...headers));

/** Writes more than is read, and does not end. */
function pour(socket: Socket, status: string): void {
  socket.write(line(status, "content-type: text/plain"));
  socket.write("x".repeat(4 * 1024 * 1024));
}

/** The receivers of the table, by what it calls them. */
const RECEIVERS: Readonly<Record<string, (socket: Socket) => void>> = {
  "`200` or `204`": answer("204 No Content"),
  "`200` with a body that is large, or never ends": (socket) => pour(socket, "200 OK"),
  "`200` with a body that breaks off": (socket) =>
    void socket.end(line("200 OK", "content-length: 99") + "x"),
  "`400`, and any other `4xx`": answer("404 Not Found"),
  "`410`": answer("410 Gone"),
  "`429` or `503` with `Retry-After`": answer("429 Too Many Requests", "retry-after: 3600"),
  "`500`, and any other `5xx`": answer("500 Internal Server Error"),
  "`500` with a body that is large, or never ends": (socket) => pour(socket, "500 No"),
  [HANGS]: () => {},
  "the connection breaks before there is an answer": (socket) => void socket.destroy(),
};

/** The table of the documentation. */
function tableRows(): Readonly<Record<string, string>> {
  const text = Deno.readTextFileSync(new URL("../docs/webhooks.md", import.meta.url));
  const rows = text.split("\n").flatMap((row) => {
    const [, receiver, follows] = /^\| (.+?) +\| (.+?) +\|$/.exec(row) ?? [];
    return receiver === undefined || follows === undefined || receiver.startsWith("The receiver") ||
        receiver.startsWith("---")
      ? []
      : [[receiver, follows]];
  });
  return Object.fromEntries(rows);
}

Deno.test("each answer of a receiver has the consequence that the documentation says", async () => {
  const found: Record<string, string> = {};
  for (const [name, talk] of Object.entries(RECEIVERS)) {
    await using one = await receiver(talk);
    found[name] = await deliveryTo(one.url).attempt(name === HANGS ? HANG_MS : undefined);
    equal(one.requests().length, 1, name);
  }

  await using inside = await receiver(answer("200 OK"));
  await using redirects = await receiver(answer("301 Moved", `location: ${inside.url}`));
  found["`301`, or any other redirect"] = await deliveryTo(redirects.url).attempt();
  equal(inside.requests().length, 0, "it is not followed");
  found["nothing listens there"] = await deliveryTo("http://127.0.0.1:1/").attempt();
  const { key, cert } = certificateFor("other.test");
  await using tls = Deno.serve(
    { port: 0, hostname: "127.0.0.1", key, cert, onListen() {} },
    () => new Response(),
  );
  const tlsUrl = `https://127.0.0.1:${tls.addr.port}/`;
  found["a certificate of another name, or that nobody signed"] = await deliveryTo(tlsUrl)
    .attempt();
  const closed = deliveryTo(inside.url, "10.0.0.0/8");
  found["`TASKER_EGRESS` or `TASKER_SECRETS` does not name it any more"] = await closed.attempt();
  equal(inside.requests().length, 0, "nothing is sent");

  deepEqual(found, tableRows());
});

Deno.test("an event that is tried again comes under the same id, signed anew", async () => {
  await using flaky = await receiver((socket, count) =>
    answer(count === 1 ? "500 No" : "200 OK")(socket)
  );
  const delivery = deliveryTo(flaky.url);

  equal(await delivery.attempt(), "tried again");
  delivery.task.after(3_600_000);
  equal(await delivery.attempt(), "delivered");

  const ids = flaky.requests().map((head) =>
    ["webhook-id", "idempotency-key"].map((name) =>
      new RegExp(`^${name}: (.+)\r$`, "im").exec(head)?.[1]
    )
  );
  deepEqual(ids, [[EVENT.id, EVENT.id], [EVENT.id, EVENT.id]]);
});

Deno.test("a Retry-After of years is a week, and parks no delivery", async () => {
  await using slow = await receiver(answer("503 No", "retry-after: 99999999"));
  const delivery = deliveryTo(slow.url);

  equal(await delivery.attempt(), "tried again, not before that time");
});
