import assert from "node:assert/strict";
import { until } from "../postgres/retry_for.ts";
import { Listener } from "./main_listener.ts";
import { SILENT_LOG } from "../telemetry/log.ts";

/** Enough for a machine that does other things too. */
const PATIENCE = { withinMs: 60_000 };

/** File descriptors of the server below, and connections enough to use them up. */
const DESCRIPTORS = 64;

const SERVER = `
  import { Listener } from ${JSON.stringify(import.meta.resolve("./main_listener.ts"))};
  const say = (text) => console.log(text);
  const log = { debug: say, info: say, warn: say, error: say, with: () => log };
  const answer = () => new Response("here");
  console.log(new Listener({ host: "127.0.0.1", port: 0, log, answer }).url);`;

function options(port: number) {
  return { host: "127.0.0.1", port, log: SILENT_LOG, answer: () => new Response("here") };
}

Deno.test("a taken port is named, with a way out", async () => {
  const first = new Listener(options(0));
  const port = Number(new URL(first.url).port);

  const second = () => new Listener(options(port));

  assert.throws(second, (error: Error) => {
    assert.match(error.message, new RegExp(`127.0.0.1:${port}: another program listens there`));
    assert.match(error.message, /TASKER_PORT=\d+/);
    return "code" in error && error.code === "config.invalid";
  });
  await first.close();
});

Deno.test("a closed listener answers nobody, and does not listen again", async () => {
  const listener = new Listener(options(0));
  assert.equal(await (await fetch(listener.url)).text(), "here");

  await listener.close();

  await assert.rejects(fetch(listener.url));
});

Deno.test("a listener that lost its socket for want of file descriptors listens again", async () => {
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
  const url = await until(() => /http:\S+/.exec(said)?.[0], PATIENCE);
  assert.ok(url, said);
  const { hostname, port } = new URL(url);
  const held: Deno.TcpConn[] = [];
  while (held.length < DESCRIPTORS && !said.includes("The listener ended")) {
    const connection = await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
    if (connection !== undefined) held.push(connection);
  }
  assert.ok(await until(() => said.includes("The listener ended") || undefined, PATIENCE), said);

  for (const connection of held) connection.close();

  assert.ok(await until(() => said.includes("Listening again") || undefined, PATIENCE), said);
  assert.equal(await (await fetch(url)).text(), "here");
  server.kill("SIGKILL");
  await heard;
});
