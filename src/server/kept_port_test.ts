import { equal, match, rejects } from "node:assert/strict";
import { KeptPort } from "./kept_port.ts";

/** Stands in for the process: answers each request with its name. */
function listen(name: string) {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => new Response(name + await request.text()),
  );
}

Deno.test("a kept port passes requests on to the process that is there, and says when none is", async () => {
  using kept = new KeptPort();
  const ask = (body: string) => fetch(`http://${kept.host}/`, { method: "POST", body });
  const large = "x".repeat(3_000_000);

  const away = await ask(large);
  const one = listen("one");
  kept.to = one.addr.port;
  const first = await ask(large);
  equal(await first.text(), `one${large}`);
  await one.shutdown();
  const gone = await ask(large);
  const other = listen("other");
  kept.to = other.addr.port;
  const second = await ask("");

  equal(await second.text(), "other");
  for (const answer of [away, gone]) {
    equal(answer.status, 503);
    await answer.body?.cancel();
  }
  await other.shutdown();
});

Deno.test("a connection to a process that ends is closed, and the port stays taken", async () => {
  using kept = new KeptPort();
  using process = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  kept.to = process.addr.port;

  const asked = fetch(`http://${kept.host}/`);
  (await process.accept()).close();

  await rejects(asked);
  const port = Number(kept.host.split(":")[1]);
  await rejects(async () => {
    using _taken = Deno.listen({ hostname: "127.0.0.1", port });
    await Promise.resolve();
  }, (error: Error) => match(error.name, /AddrInUse/) === undefined);
});
