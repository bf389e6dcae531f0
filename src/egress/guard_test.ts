import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { certificateFor } from "../../tests/support/certificate.ts";
import { TaskerError } from "../core/errors.ts";
import type { EgressRequest } from "../core/ports.ts";
import { openRuntime } from "../server/runtime.ts";
import { type GuardDeps, openGuard } from "./guard.ts";
import { type EgressRules, NO_RULES, withRule } from "./rules.ts";

const LOOPBACK = rulesOf("*", "127.0.0.0/8");

function rulesOf(...texts: readonly string[]): EgressRules {
  return texts.reduce<EgressRules>((rules, text) => withRule(rules, text) ?? rules, NO_RULES);
}

/** A request to a name that resolves to 127.0.0.1, unless `deps` say otherwise. */
function ask(url: string, request: Partial<EgressRequest> = {}, deps: Partial<GuardDeps> = {}) {
  const guard = openGuard({
    runtime: openRuntime(),
    rules: LOOPBACK,
    secrets: new Map(),
    resolve: () => Promise.resolve(["127.0.0.1"]),
    ...deps,
  });
  const common = { method: "GET", url, headers: {}, timeoutMs: 5_000, bytesMax: 10_000 };
  return guard.request({ ...common, ...request });
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(
    () => "answered",
    (error) => error instanceof TaskerError ? error.code : `thrown: ${error}`,
  );
}

interface Raw extends AsyncDisposable {
  readonly url: string;
  /** Resolves when the client has closed its first connection. */
  readonly closed: Promise<void>;
  readonly connections: () => number;
}

/** A server that says what it likes. */
async function raw(talk: (socket: Socket) => void): Promise<Raw> {
  const sockets: Socket[] = [];
  const closed = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("close", () => closed.resolve());
    talk(socket);
    socket.resume(); // without reading, nobody learns that the other side has closed
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://service.test:${port}/`,
    closed: closed.promise,
    connections: () => sockets.length,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

async function http(handle: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handle);
  await Promise.resolve();
  return {
    url: `http://service.test:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a request arrives whole, under the name of its host, and its answer comes back", async () => {
  await using server = await http(async (request) =>
    Response.json({
      method: request.method,
      host: request.headers.get("host"),
      path: new URL(request.url).pathname + new URL(request.url).search,
      type: request.headers.get("content-type"),
      body: await request.text(),
    }, { status: 201, headers: { "x-kind": "a" } })
  );

  const answer = await ask(`${server.url}a%20b?c=d`, {
    method: "POST",
    headers: { "Content-Type": "text/plain" },
    body: "grüße",
  });

  assert.equal(answer.status, 201);
  assert.equal(answer.headers["x-kind"], "a");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(answer.body)), {
    method: "POST",
    host: new URL(server.url).host,
    path: "/a%20b?c=d",
    type: "text/plain",
    body: "grüße",
  });
});

Deno.test("a name that changes its answer is resolved once, and connected to what was checked", async () => {
  await using server = await http(() => new Response("inside"));
  let asked = 0;
  const resolve = () => Promise.resolve([asked++ === 0 ? "127.0.0.1" : "169.254.169.254"]);

  const answer = await ask(server.url, {}, { resolve });

  assert.equal(new TextDecoder().decode(answer.body), "inside");
  assert.equal(asked, 1);
});

Deno.test("a name with a private address beside a public one is not connected to", async () => {
  await using server = await raw(() => {});
  const resolve = () => Promise.resolve(["8.8.8.8", "127.0.0.1"]);

  const code = await codeOf(ask(server.url, {}, { resolve, rules: rulesOf("*") }));

  assert.equal(code, "egress.refused");
  assert.equal(server.connections(), 0);
});

Deno.test("the system's own names of this host are refused unless their range is listed", async () => {
  await using server = await http(() => new Response("inside"));
  const url = server.url.replace("service.test", "localhost");
  const system = { runtime: openRuntime(), secrets: new Map<string, string>() };
  const request = { method: "GET", url, headers: {}, timeoutMs: 5_000, bytesMax: 100 };

  const closed = openGuard({ ...system, rules: rulesOf("*") }).request(request);
  const open = openGuard({ ...system, rules: rulesOf("*", "127.0.0.0/8", "::1") }).request(request);

  assert.equal(await codeOf(closed), "egress.refused");
  assert.equal((await open).status, 200);
});

Deno.test("a redirect is an answer, and is not followed", async () => {
  await using inside = await raw(() => {});
  await using server = await http(() => Response.redirect(inside.url, 302));

  const answer = await ask(server.url);

  assert.equal(answer.status, 302);
  assert.equal(inside.connections(), 0);
});

Deno.test("a body that never ends is read to its limit, and the connection closed", async () => {
  await using server = await raw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const more = () => socket.writable && socket.write("x".repeat(1_000), more);
    more();
  });

  assert.equal(await codeOf(ask(server.url, { bytesMax: 5_000 })), "payload.too_large");
  await server.closed;
});

Deno.test("a body of the limit's length is taken, one byte more is not", async () => {
  await using server = await http((request) =>
    new Response("x".repeat(Number(new URL(request.url).search.slice(1))))
  );

  assert.equal((await ask(`${server.url}?5000`, { bytesMax: 5_000 })).body.length, 5_000);
  assert.equal(await codeOf(ask(`${server.url}?5001`, { bytesMax: 5_000 })), "payload.too_large");
});

Deno.test("the time-out ends a server that says nothing, half a head, or drops of a body", async () => {
  const drops = (socket: Socket, head: string, drop: string) => {
    socket.write(head);
    const timer = setInterval(() => socket.write(drop), 5);
    socket.on("close", () => clearInterval(timer));
  };
  const talks: readonly ((socket: Socket) => void)[] = [
    () => {},
    (socket) => drops(socket, "HTTP/1.1 200 OK\r\n", "x: y\r\n"),
    (socket) => drops(socket, "HTTP/1.1 200 OK\r\n\r\n", "x"),
    (socket) => drops(socket, "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", ""),
  ];
  for (const talk of talks) {
    await using server = await raw(talk);
    assert.equal(await codeOf(ask(server.url, { timeoutMs: 60 })), "egress.failed");
    await server.closed;
  }
});

Deno.test("the time-out covers a name that does not resolve, and nothing is sent after it", async () => {
  await using server = await raw(() => {});
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();

  const code = await codeOf(ask(server.url, { timeoutMs: 20 }, { resolve: () => promise }));
  resolve(["127.0.0.1"]);
  await promise;

  assert.equal(code, "egress.failed");
  assert.equal(server.connections(), 0);
});

Deno.test("an abort ends the request and its connection", async () => {
  const controller = new AbortController();
  await using server = await raw((socket) => socket.on("data", () => controller.abort()));

  assert.equal(await codeOf(ask(server.url, { signal: controller.signal })), "egress.failed");
  await server.closed;
  assert.equal(await codeOf(ask(server.url, { signal: controller.signal })), "egress.failed");
  assert.equal(server.connections(), 1);
});

Deno.test("a head without end, a broken answer and a cut body are faults, not answers", async () => {
  const answers = [
    `HTTP/1.1 200 OK\r\n${`x-a: ${"y".repeat(1_000)}\r\n`.repeat(100)}\r\n`,
    "SSH-2.0-OpenSSH\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "",
  ];
  for (const answer of answers) {
    await using server = await raw((socket) => socket.on("data", () => socket.end(answer)));
    assert.equal(await codeOf(ask(server.url)), "egress.failed", answer.slice(0, 60));
  }
});

Deno.test("a host that does not exist, or does not listen, is a fault", async () => {
  const resolve = () => Promise.reject(new Error("no such name"));
  assert.equal(await codeOf(ask("http://service.test/", {}, { resolve })), "egress.failed");
  const none = () => Promise.resolve([]);
  assert.equal(await codeOf(ask("http://service.test/", {}, { resolve: none })), "egress.failed");
  assert.equal(await codeOf(ask("http://service.test:1/")), "egress.failed");
});

Deno.test("headers that the engine sets, and values that no header carries, are refused", async () => {
  const headers = [
    { host: "elsewhere" },
    { "Transfer-Encoding": "chunked" },
    { "content-length": "5" },
    { "a b": "c" },
    { "": "c" },
    { a: "b\r\nhost: c" },
    { a: "b\0" },
    { a: "€" },
    { a: { secret: "ABSENT" } },
  ];
  await using server = await raw(() => {});
  for (const one of headers) {
    assert.equal(await codeOf(ask(server.url, { headers: one })), "egress.refused");
  }
  assert.equal(server.connections(), 0);
});

Deno.test("a secret is sent in its header, and appears in no error", async () => {
  let sent: string | null = "";
  await using server = await http((request) => {
    sent = request.headers.get("authorization");
    return new Response("thanks");
  });
  const headers = { authorization: { secret: "TOKEN", prefix: "Bearer " } };
  const secrets = new Map([["TOKEN", "geheim"]]);

  await ask(server.url, { headers }, { secrets });
  const broken = await ask(server.url, { headers }, { secrets: new Map([["TOKEN", "ge\nheim"]]) })
    .catch((error: Error) => error.message);

  assert.equal(sent, "Bearer geheim");
  assert.ok(typeof broken === "string" && !broken.includes("heim"));
});

Deno.test("an answer that repeats the secret it was sent, in body or head, is refused", async () => {
  await using server = await http((request) => {
    const sent = request.headers.get("authorization") ?? "";
    return request.url.endsWith("?head")
      ? new Response("", { headers: { "x-you-sent": sent } })
      : Response.json({ you: { sent } });
  });
  const headers = { authorization: { secret: "TOKEN", prefix: "Bearer " } };
  const secrets = new Map([["TOKEN", "geheim"], ["OTHER", "you"]]);

  for (const url of [server.url, `${server.url}?head`]) {
    assert.equal(await codeOf(ask(url, { headers }, { secrets })), "egress.refused");
  }
});

Deno.test("an answer that escapes the secret, or has it in another charset, is refused", async () => {
  const secret = 'a"b\\c/d<\xe9';
  const json = JSON.stringify({ you: secret });
  const hex = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const utf16 = (text: string) =>
    new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer);
  const texts = {
    json,
    slash: json.replaceAll("/", "\\/"),
    ascii: json.replace("\xe9", hex),
    upper: json.replace("\xe9", "\\u00E9"),
    html: json.replace("<", hex),
    every: `"${[...secret].map(hex).join("")}"`,
    nested: JSON.stringify(json),
  };
  const latin1 = Uint8Array.from(secret, (char) => char.charCodeAt(0));
  const answers: Readonly<Record<string, () => Response>> = {
    ...Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, () => new Response(text)]),
    ),
    latin1: () => new Response(latin1),
    utf16: () =>
      new Response(utf16(json), { headers: { "content-type": 'text/json; charset="UTF-16LE"' } }),
    head: () => new Response("", { headers: { "x-you": texts.ascii } }),
  };
  await using server = await http((request) =>
    answers[new URL(request.url).search.slice(1)]?.() ??
      new Response(JSON.stringify(["\\u0041", secret.slice(1)]))
  );
  const headers = { authorization: { secret: "TOKEN" } };
  const secrets = new Map([["TOKEN", secret]]);

  for (const name of Object.keys(answers)) {
    const code = await codeOf(ask(`${server.url}?${name}`, { headers }, { secrets }));
    assert.equal(code, "egress.refused", name);
  }
  assert.equal(await codeOf(ask(`${server.url}?other`, { headers }, { secrets })), "answered");
});

Deno.test("answers that stop half way keep no byte from another host", async () => {
  await using stops = await raw((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(9_000)}`)
  );
  await using other = await http(() => new Response("y".repeat(9_000)));
  const guard = openGuard({
    runtime: openRuntime(),
    rules: LOOPBACK,
    secrets: new Map(),
    resolve: () => Promise.resolve(["127.0.0.1"]),
    bytesHeldMax: 10_000,
  });
  const common = { method: "GET", headers: {}, bytesMax: 10_000 };
  const controller = new AbortController();
  const { signal } = controller;
  const stopped = Array.from(
    { length: 4 },
    () => codeOf(guard.request({ ...common, url: stops.url, timeoutMs: 60_000, signal })),
  );
  const url = other.url.replace("service.test", "other.test");

  const answers = await Promise.all(
    Array.from({ length: 20 }, () => guard.request({ ...common, url, timeoutMs: 60_000 })),
  );

  assert.ok(answers.every(({ body }) => body.length === 9_000));
  // Whoever waits for our own bytes at its time-out says so: until then the others hold them.
  let code = "";
  while (code !== "egress.unavailable") {
    code = await codeOf(guard.request({ ...common, url: stops.url, timeoutMs: 50 }));
    assert.notEqual(code, "answered");
  }
  controller.abort();
  assert.deepEqual(new Set(await Promise.all(stopped)), new Set(["egress.failed"]));
});

Deno.test("TLS asks for the certificate of the name, not of the address", async () => {
  const { key, cert } = certificateFor("good.test");
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", key, cert, onListen() {} },
    (request) => new Response(request.headers.get("host")),
  );
  const { port } = server.addr;

  const answer = await ask(`https://good.test:${port}/`, {}, { ca: cert });

  assert.equal(new TextDecoder().decode(answer.body), `good.test:${port}`);
  assert.equal(await codeOf(ask(`https://bad.test:${port}/`, {}, { ca: cert })), "egress.failed");
  assert.equal(await codeOf(ask(`https://127.0.0.1:${port}/`, {}, { ca: cert })), "egress.failed");
  assert.equal(await codeOf(ask(`https://good.test:${port}/`)), "egress.failed");
});
