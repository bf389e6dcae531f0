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

Deno.test("a document in whose work the process ends is given up; of two, neither", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  /** Takes so many requests, and ends in the middle of them. */
  const endWith = async (count: number) => {
    const taken = [];
    while (taken.length < count) taken.push(await listener.accept());
    for (const one of taken) one.close();
  };
  const ask = performAt(`http://documents:${KEY}@127.0.0.1:${listener.addr.port}`, openRuntime());

  const [alone] = await Promise.allSettled([ask("rehearse", { text: "" }), endWith(1)]);
  const [one, other] = await Promise.allSettled([
    ask("rehearse", { text: "" }),
    ask("check", { of: { text: "" }, directory: undefined }),
    endWith(2),
  ]);

  equal(alone.status === "rejected" && alone.reason.code, "document.given_up");
  equal(one.status === "rejected" && one.reason.code, "api.busy");
  equal(other.status === "rejected" && other.reason.code, "api.busy");
});

Deno.test("a process that starts again is asked again", async () => {
  const { server, port, url } = listen(() => Promise.reject(new Error("too early")));
  await server.shutdown();
  let started: Deno.HttpServer | undefined;
  const after = (_: number, wake: () => void) => {
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
    nowMs += ms;
    wake();
    return () => {};
  };
  const ask = performAt(url, { monotonic: () => nowMs, after });

  await rejects(ask("rehearse", { text: "" }), { code: "api.busy", retryAfterMs: 5_000 });

  equal(nowMs, 15_000);
});
