import { deepEqual, equal, rejects } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { answerWorks, performAt } from "./document_wire.ts";
import type { Perform } from "./document_work.ts";
import { openRuntime } from "./runtime.ts";

const KEY = "secret";

/** What listens like the process that works on documents. */
function listen(perform: Perform, port = 0) {
  const answer = answerWorks(KEY, () => Promise.resolve(perform));
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, answer);
  const { port: taken } = server.addr;
  return { server, port: taken, url: `http://documents:${KEY}@127.0.0.1:${taken}` };
}

Deno.test("work on documents is asked over HTTP, with what is wrong and where", async () => {
  const faults = [{ path: "a", code: "W01", detail: "no" }];
  const perform = ((kind: string, asked: unknown) => {
    if (kind === "check") return Promise.resolve([asked]);
    if (kind === "edit") throw new TaskerError("document.edit_refused", "no", { faults });
    throw new Error("a bug");
  }) as unknown as Perform;
  const { server, url } = listen(perform);
  const ask = performAt(url, openRuntime());

  deepEqual(await ask("check", { of: { text: "ä" }, directory: undefined }), [
    { of: { text: "ä" } },
  ]);
  await rejects(ask("edit", { of: { text: "" }, how: { edits: [] } }), {
    ...{ code: "document.edit_refused", faults },
  });
  await rejects(ask("rehearse", { text: "" }), { name: "Error", message: "a bug" });
  const stranger = performAt(url.replace(KEY, "another"), openRuntime());
  await rejects(stranger("rehearse", { text: "" }), { code: "document.given_up" });

  await server.shutdown();
});

type End = "ok" | "broken" | "away";

/** What ends in the middle of requests, is away, and then is there again, as `endOf` says of each. */
function listenInTurns(endOf: (request: number) => Promise<End> | End) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  /** How many others were under way when each request came. */
  const beside: number[] = [];
  let underWay = 0;
  void (async () => {
    for await (const conn of listener) {
      const request = beside.push(underWay++);
      void (async () => {
        await conn.read(new Uint8Array(10_000));
        const end = await endOf(request);
        const [status, body] = end === "ok" ? ["200 OK", `{"answer":"ok"}`] : ["503 Away", ""];
        const answer = `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
        if (end !== "broken") await conn.write(new TextEncoder().encode(answer));
        underWay--;
        conn.close();
      })();
    }
  })();
  return {
    url: `http://documents:${KEY}@127.0.0.1:${listener.addr.port}`,
    beside,
    [Symbol.dispose]: () => listener.close(),
  };
}

const CHECK = ["check", { of: { text: "" }, directory: undefined }] as const;

Deno.test("a document that arrives as the process ends is worked on by the next one", async () => {
  using process = listenInTurns((request) => request === 1 ? "broken" : "ok");
  const ask = performAt(process.url, openRuntime());

  equal(await ask(...CHECK), "ok");
  deepEqual(process.beside, [0, 0]);
});

Deno.test("a document that ends the process twice is given up", async () => {
  using process = listenInTurns(() => "broken");
  const ask = performAt(process.url, openRuntime());

  await rejects(ask(...CHECK), { code: "document.given_up" });
  deepEqual(process.beside, [0, 0]);
});

Deno.test("a document that was worked on alone when the process was ended is not tried again", async () => {
  let nowMs = 0;
  using process = listenInTurns(() => {
    nowMs += 15_000;
    return "broken";
  });
  const ask = performAt(process.url, { ...openRuntime(), monotonic: () => nowMs });

  await rejects(ask(...CHECK), { code: "document.given_up" });
  deepEqual(process.beside, [0]);
});

Deno.test("time in which the process was away is not held against a document", async () => {
  let nowMs = 0;
  using process = listenInTurns((request) => {
    if (request === 1) nowMs += 14_000;
    if (request === 2) nowMs += 1_000;
    return request === 1 ? "away" : request === 2 ? "broken" : "ok";
  });
  const ask = performAt(process.url, { ...openRuntime(), monotonic: () => nowMs });

  equal(await ask(...CHECK), "ok");
  deepEqual(process.beside, [0, 0, 0]);
});

Deno.test("of two documents in whose work the process ends, each is tried again alone", async () => {
  const both = Promise.withResolvers<End>();
  using process = listenInTurns((request) => {
    if (request === 2) both.resolve("broken");
    return request <= 2 ? both.promise : request === 3 ? "broken" : "ok";
  });
  const ask = performAt(process.url, openRuntime());

  const answers = await Promise.allSettled([ask(...CHECK), ask("rehearse", { text: "" })]);

  deepEqual(
    answers.map((one) => one.status === "rejected" ? one.reason.code : one.value).sort(),
    ["document.given_up", "ok"],
  );
  deepEqual(process.beside, [0, 1, 0, 0]);
});

Deno.test("a process that never answers is not waited for without end", async () => {
  using process = listenInTurns(() => new Promise(() => {}));
  const waits: number[] = [];
  const after = (ms: number, call: () => void) => {
    waits.push(ms);
    const timer = setTimeout(call, 0);
    return () => clearTimeout(timer);
  };
  const ask = performAt(process.url, { ...openRuntime(), after });

  await rejects(ask(...CHECK), { code: "document.given_up", message: /within 60 s/ });
  deepEqual(waits, [60_000]);
});

Deno.test("a process that starts again is asked again", async () => {
  const { server, port, url } = listen(() => Promise.reject(new Error("too early")));
  await server.shutdown();
  let started: Deno.HttpServer | undefined;
  const after = (ms: number, wake: () => void) => {
    if (ms > 1_000) return () => {}; // the time-out of a request
    const perform = (() => Promise.resolve("done")) as unknown as Perform;
    started ??= listen(perform, port).server;
    wake();
    return () => {};
  };
  const ask = performAt(url, { monotonic: () => 0, after });

  equal(await ask("rehearse", { text: "" }), "done");

  await started?.shutdown();
});

Deno.test("a process that does not start again is waited for within bounds", async () => {
  const { server, url } = listen(() => Promise.reject(new Error("never")));
  await server.shutdown();
  let nowMs = 0;
  const after = (ms: number, wake: () => void) => {
    if (ms > 1_000) return () => {}; // the time-out of a request
    nowMs += ms;
    wake();
    return () => {};
  };
  const ask = performAt(url, { monotonic: () => nowMs, after });

  await rejects(ask("rehearse", { text: "" }), { code: "api.busy", retryAfterMs: 5_000 });

  equal(nowMs, 15_000);
});
