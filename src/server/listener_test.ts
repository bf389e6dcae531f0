import assert from "node:assert/strict";
import { HeardLog } from "../../tests/support/heard_log.ts";
import { until } from "../postgres/retry_for.ts";
import { type Log, SILENT_LOG } from "../telemetry/log.ts";
import { type ConnectionLimits, listen, type Listener } from "./listener.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

/** Enough for a machine that does other things too. */
const RETRY = { withinMs: 60_000 };

const LIMITS: ConnectionLimits = {
  connectionsMax: 100,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
};

/** A listener on the virtual clock, and raw connections to it. */
class ListenerHarness implements AsyncDisposable {
  readonly runtime = new VirtualRuntime();
  readonly listener: Listener;
  readonly #connections: RawConnection[] = [];

  constructor(
    limits: Partial<ConnectionLimits> = {},
    answer: (request: Request) => Response | Promise<Response> = () => new Response("here"),
    log: Log = SILENT_LOG,
  ) {
    this.listener = listen({
      host: "127.0.0.1",
      port: 0,
      limits: { ...LIMITS, ...limits },
      runtime: this.runtime,
      log,
      answer,
    });
  }

  async open(): Promise<RawConnection> {
    const { hostname, port } = new URL(this.listener.url);
    const connection = new RawConnection(await Deno.connect({ hostname, port: Number(port) }));
    this.#connections.push(connection);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.listener.close();
  }
}

/** One raw connection, and what has come out of it. */
class RawConnection {
  received = "";
  hasEnded = false;

  constructor(readonly connection: Deno.TcpConn) {
    void this.#receive();
  }

  async ended(): Promise<void> {
    assert.ok(await until(() => this.hasEnded || undefined, RETRY), "it is still open");
  }

  async #receive(): Promise<void> {
    const bytes = new Uint8Array(1_024);
    try {
      for (let length; (length = await this.connection.read(bytes)) !== null;) {
        this.received += new TextDecoder().decode(bytes.subarray(0, length));
      }
    } catch { /* closed by us, or reset */ }
    this.hasEnded = true;
  }

  async send(text: string): Promise<void> {
    await this.connection.write(new TextEncoder().encode(text));
  }

  /** Sends a request and waits for as many answers in all. */
  async ask(answers = 1): Promise<void> {
    await this.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
    await this.answers(answers);
  }

  async answers(count: number): Promise<void> {
    const hasCome = () => this.received.split("here").length > count || undefined;
    assert.ok(await until(hasCome, RETRY), `received: ${this.received}`);
  }

  close(): void {
    try {
      this.connection.close();
    } catch { /* the server was faster */ }
  }
}

Deno.test("a taken port is named, with a way out", async () => {
  await using first = new ListenerHarness();
  const port = Number(new URL(first.listener.url).port);
  const { runtime } = first;

  const second = () =>
    listen({
      host: "127.0.0.1",
      port,
      limits: LIMITS,
      runtime,
      log: SILENT_LOG,
      answer: () => new Response(),
    });

  assert.throws(second, (error: Error) => {
    assert.match(error.message, new RegExp(`127.0.0.1:${port}: another program listens there`));
    assert.match(error.message, /TASKER_PORT=\d+/);
    return "code" in error && error.code === "config.invalid";
  });
});

Deno.test("a closed listener answers nobody", async () => {
  await using harness = new ListenerHarness();
  assert.equal(await (await fetch(harness.listener.url)).text(), "here");

  await harness.listener.close();

  await assert.rejects(fetch(harness.listener.url));
});

Deno.test("a closed listener lets a request in hand end", async () => {
  const { promise: seen, resolve: notify } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using harness = new ListenerHarness({}, async () => {
    asked.resolve();
    await seen;
    return new Response("here");
  });
  const connection = await harness.open();
  await connection.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
  await asked.promise;

  const closed = harness.listener.close();
  notify();

  await closed;
  await connection.answers(1);
});

Deno.test("connections above the limit push out the ones that have been idle longest", async () => {
  await using harness = new ListenerHarness({ connectionsMax: 3 });
  const silent = [await harness.open(), await harness.open()];
  const used = await harness.open();
  await used.ask();
  await harness.runtime.advance(2_000);

  const more = [await harness.open(), await harness.open()];
  for (const connection of more) await connection.ask();

  await Promise.all(silent.map((connection) => connection.ended()));
  await used.ask(2);
  const last = await harness.open();
  await harness.runtime.advance(2_000);
  await last.ask();
  await more[0]?.ended();
  assert.deepEqual([used, ...more, last].map(({ hasEnded }) => hasEnded), [
    false,
    true,
    false,
    false,
  ]);
});

Deno.test("while all connections have a request in hand, new ones wait and are served later", async () => {
  const held: (() => void)[] = [];
  await using harness = new ListenerHarness(
    { connectionsMax: 2 },
    () => new Promise((answer) => held.push(() => answer(new Response("here")))),
  );
  const connections: RawConnection[] = [];
  for (const count of [1, 2]) {
    const connection = await harness.open();
    await connection.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
    assert.ok(await until(() => held.length === count || undefined, RETRY));
    connections.push(connection);
  }

  const waiting = await harness.open();
  await waiting.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
  await harness.runtime.advance(100_000);
  assert.equal(held.length, 2);
  held[0]?.();

  await connections[0]?.answers(1);
  await harness.runtime.advance(2_000);
  assert.ok(await until(() => held.length === 3 || undefined, RETRY));
  held[2]?.();
  await waiting.answers(1);
  held[1]?.();
});

Deno.test("a connection that sends no whole head in time is closed; others are served", async () => {
  await using harness = new ListenerHarness();
  const silent = await harness.open();
  const slow = await harness.open();
  const good = await harness.open();
  await good.ask();

  for (const letter of "GET / HTTP") {
    await slow.send(letter);
    await harness.runtime.advance(1_000);
  }
  await harness.runtime.advance(1_000);

  await Promise.all([silent.ended(), slow.ended()]);
  assert.equal(silent.received + slow.received, "");
  await good.ask(2);
});

Deno.test("a connection is closed when it has had no request for the idle time, and not before", async () => {
  await using harness = new ListenerHarness();
  const connection = await harness.open();
  const busy = await harness.open();
  await connection.ask();
  await busy.ask();

  await harness.runtime.advance(70_000);
  await busy.ask(2);
  await harness.runtime.advance(10_000);

  await connection.ended();
  await busy.ask(3);
});

Deno.test("a head that trickles in after a first request gets the idle time, and no more", async () => {
  await using harness = new ListenerHarness();
  const connection = await harness.open();
  await connection.ask();

  for (const letter of "GET / HT") {
    await connection.send(letter);
    await harness.runtime.advance(10_000);
  }

  await connection.ended();
});

Deno.test("a stream is not idle, and its slow reader is not cut off", async () => {
  let push: (text: string) => void = () => {};
  const body = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        push = (text) => controller.enqueue(new TextEncoder().encode(text));
      },
    });
  await using harness = new ListenerHarness({}, () => new Response(body()));
  const connection = await harness.open();
  await connection.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
  assert.ok(await until(() => connection.received.includes("200 OK") || undefined, RETRY));

  await harness.runtime.advance(3_600_000);
  push("here");

  await connection.answers(1);
});

Deno.test("a body that never ends gets the answer, and its connection the idle time", async () => {
  await using harness = new ListenerHarness();
  const connection = await harness.open();
  await connection.send("POST / HTTP/1.1\r\nhost: tasker\r\ncontent-length: 100\r\n\r\nhalf");
  await connection.answers(1);

  await harness.runtime.advance(80_000);

  await connection.ended();
});

Deno.test("a handler that fails is answered 500, and the connection serves on", async () => {
  let calls = 0;
  await using harness = new ListenerHarness({}, () => {
    if (calls++ === 0) throw new Error("broken");
    return new Response("here");
  });
  const connection = await harness.open();

  await connection.send("GET / HTTP/1.1\r\nhost: tasker\r\n\r\n");
  assert.ok(await until(() => connection.received.includes(" 500 ") || undefined, RETRY));

  await connection.ask();
});

/** File descriptors of the server below: as many connections use them up. */
const DESCRIPTORS = 64;

const SERVER = `
  import { listen } from ${JSON.stringify(import.meta.resolve("./listener.ts"))};
  import { openRuntime } from ${JSON.stringify(import.meta.resolve("./runtime.ts"))};
  const say = (text) => console.log(text);
  const log = { debug: say, info: say, warn: say, error: say, with: () => log };
  const limits = { connectionsMax: 1_000, headTimeoutMs: 600_000, idleTimeoutMs: 600_000 };
  const answer = () => new Response("here");
  const options = { host: "127.0.0.1", port: 0, limits, runtime: openRuntime(), log, answer };
  Deno.addSignalListener("SIGTERM", () => {}); // takes descriptors, as in the server
  console.log(listen(options).url);`;

Deno.test("a listener without a free file descriptor has fewer connections, and serves on", async () => {
  await using server = new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${DESCRIPTORS}; exec "$0" run -A -`, Deno.execPath()],
    stdin: "piped",
    stdout: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let said = "";
  const heard = (async () => {
    for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const program = server.stdin.getWriter();
  await program.write(new TextEncoder().encode(SERVER));
  await program.close();
  const url = await until(() => /http:\S+/.exec(said)?.[0], RETRY);
  assert.ok(url, said);
  const { hostname, port } = new URL(url);
  const held: Deno.TcpConn[] = [];
  while (held.length < DESCRIPTORS) {
    held.push(await Deno.connect({ hostname, port: Number(port) }));
  }

  assert.equal(await (await fetch(url)).text(), "here");

  assert.match(said, /Out of file descriptors/);
  for (const connection of held) connection.close();
  server.kill("SIGKILL");
  await heard;
});

Deno.test("a Deno that cannot serve single connections serves without limits, and says so", async () => {
  const internal = Reflect.get(Deno, Reflect.get(Deno, "internal"));
  const hidden = Object.getOwnPropertyDescriptor(internal, "serveHttpOnConnection");
  assert.ok(hidden?.configurable, "the function must be there, to be hidden");
  const log = new HeardLog();
  delete internal.serveHttpOnConnection;
  try {
    await using harness = new ListenerHarness({ connectionsMax: 1 }, undefined, log);
    const [first, second] = [await harness.open(), await harness.open()];
    await first.ask();
    await second.ask();
    await first.ask(2);

    assert.match(log.lines.join(), /cannot limit connections/);
  } finally {
    Object.defineProperty(internal, "serveHttpOnConnection", hidden);
  }
});

Deno.test("clients that reset their connections at once cost the others nothing", async () => {
  const log = new HeardLog();
  await using harness = new ListenerHarness({}, undefined, log);
  const { port } = new URL(harness.listener.url);
  const resets = `
    import { connect } from "node:net";
    for (let count = 0; count < 20; count++) {
      await new Promise((reset) => {
        const socket = connect(${port}, "127.0.0.1", () => { socket.resetAndDestroy(); reset(); });
      });
    }
    Deno.exit();`;

  // While it waits, this process accepts nothing: the resets are there before.
  const { success } = new Deno.Command(Deno.execPath(), { args: ["eval", resets] }).outputSync();
  const others = [await harness.open(), await harness.open(), await harness.open()];
  for (const other of others) await other.ask();
  for (const other of others) await other.ask(2);

  assert.ok(success);
  assert.deepEqual(log.lines, []);
});
