import { deepEqual, doesNotMatch, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { createHmac } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { EgressRequest, SignedText } from "../core/ports.ts";
import { openEgress, openGuardSignatures } from "../egress/wire.ts";
import { until } from "../../tests/support/serve.ts";
import { openRuntime } from "./runtime.ts";
import { startDocuments } from "./launch_documents.ts";
import { startGuard } from "./launch_egress.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const GUARD = "egress_main.ts";
const TEXT = new TextDecoder();

/** Starts the guard's real process, which may call this host. */
function start(
  env: Readonly<Record<string, string>> = {},
  onLine: (line: string) => void = () => {},
) {
  const { TASKER_MODEL_URL: url, ...others } = env;
  const config = {
    egress: ["localhost", "127.0.0.0/8", "::1"],
    oidc: undefined,
    secrets: Object.keys(others).filter((name) => name !== "TASKER_MODEL_KEY"),
    model: url === undefined ? undefined : { url, name: "scripted" },
  };
  const all = { ...Deno.env.toObject(), ...env };
  return startGuard({ config, env: all, root: ROOT, project: ROOT, onLine });
}

function request(url: string, more: Partial<EgressRequest> = {}): EgressRequest {
  return { method: "GET", url, headers: {}, timeoutMs: 10_000, bytesMax: 100_000, ...more };
}

function listen(handle: (request: Request) => Response | Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handle);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("the guard's process calls what is listed, with secrets that its caller only names", async () => {
  let sent: string | null = "";
  await using service = listen(async (request) => {
    sent = request.headers.get("x-token");
    return new Response(await request.text(), { status: 418 });
  });
  using guard = await start({ TEST_TOKEN: "geheim" });
  const egress = openEgress(guard.url);

  const answer = await egress.request(request(service.url, {
    method: "POST",
    headers: { "x-token": { secret: "TEST_TOKEN" } },
    body: "grüße",
  }));

  equal(answer.status, 418);
  equal(sent, "geheim");
  equal(TEXT.decode(answer.body), "grüße");
  await rejects(egress.request(request("http://10.0.0.1/")), { code: "egress.refused" });
  const large = request(service.url, { method: "POST", body: "grüße", bytesMax: 3 });
  await rejects(egress.request(large), { code: "payload.too_large" });
});

Deno.test("a guard without hosts says whether a text is signed with a secret, also of no use as a key", async () => {
  const secrets = { TEXT: "geheim", ENCODED: `whsec_${btoa("geheim")}`, EMPTY: "whsec_!" };
  const config = { egress: [], secrets: Object.keys(secrets), model: undefined, oidc: undefined };
  const env = { ...Deno.env.toObject(), ...secrets };
  using guard = await startGuard({ config, env, root: ROOT, project: ROOT, onLine() {} });
  const { isSigned } = openGuardSignatures(guard.url, openRuntime());
  const right = (key: string) => createHmac("sha256", key).update("grüße").digest("hex");
  const ask = (secret: string, signature: string, isKeyEncoded = true) =>
    isSigned({ secret, text: "grüße", signatures: ["", signature], encoding: "hex", isKeyEncoded });

  equal(await ask("TEXT", right("geheim")), true);
  equal(await ask("ENCODED", right("geheim")), true);
  equal(await ask("ENCODED", right(secrets.ENCODED), false), true);
  equal(await ask("ENCODED", right(secrets.ENCODED)), false);
  equal(await ask("TEXT", right("other")), false);
  equal(await ask("EMPTY", right("")), false);
  equal(await ask("ABSENT", right("")), false);
});

Deno.test("whether a text is signed is asked again when the guard ends in the middle", async () => {
  let asked = 0;
  const guard = http.createServer((request, response) => {
    if (++asked === 1) request.socket.destroy();
    else response.end("true");
  });
  await new Promise<void>((resolve) => guard.listen(0, "127.0.0.1", resolve));
  const { port } = guard.address() as AddressInfo;
  const signatures = openGuardSignatures(`http://guard:key@127.0.0.1:${port}`, openRuntime());
  const text = { secret: "S", text: "t", signatures: [], encoding: "hex", isKeyEncoded: false };

  equal(await signatures.isSigned(text as SignedText), true);
  equal(asked, 2);
  guard.closeAllConnections();
  guard.close();
});

Deno.test("a guard that stands still keeps nobody waiting for a signature", async () => {
  const asked = Promise.withResolvers<void>();
  const guard = http.createServer(() => asked.resolve());
  await new Promise<void>((resolve) => guard.listen(0, "127.0.0.1", resolve));
  const { port } = guard.address() as AddressInfo;
  const runtime = new VirtualRuntime();
  const signatures = openGuardSignatures(`http://guard:key@127.0.0.1:${port}`, runtime);
  const text = { secret: "S", text: "t", signatures: [], encoding: "hex", isKeyEncoded: false };
  let refused: unknown;
  signatures.isSigned(text as SignedText).catch((error) => refused = error);

  await asked.promise;
  await runtime.advance(10_000);

  try {
    const { code } = await until("a refusal", 5_000, () => refused as { readonly code: string });
    equal(code, "egress.unavailable");
  } finally {
    guard.closeAllConnections();
    guard.close();
  }
});

Deno.test("the model's key goes to the model's origin, and to no host that a workflow names", async () => {
  const sent: (string | null)[] = [];
  const note = (request: Request) => {
    sent.push(request.headers.get("authorization"));
    return new Response("ok");
  };
  await using model = listen(note);
  await using other = listen(note);
  using guard = await start({ TASKER_MODEL_URL: `${model.url}v1`, TASKER_MODEL_KEY: "geheim" });
  const egress = openEgress(guard.url);
  const headers = { authorization: { secret: "TASKER_MODEL_KEY", prefix: "Bearer " } };

  await egress.request(request(`${model.url}v1/chat/completions`, { headers }));
  await rejects(egress.request(request(other.url, { headers })), { code: "egress.refused" });

  deepEqual(sent, ["Bearer geheim"]);
});

Deno.test("processes beside the server do not have what else the launcher has", async () => {
  const name = "TEST_SECRET_OF_THE_LAUNCHER";
  Deno.env.set(name, "geheim");
  using _guard = await start();
  using _documents = await startDocuments({
    ...{ env: Deno.env.toObject(), root: ROOT, project: ROOT },
    onLine: () => {},
  });
  Deno.env.delete(name);

  for (const program of [GUARD, "documents_main.ts"]) {
    const environment = await Deno.readTextFile(`/proc/${await pidOf(program)}/environ`);
    match(environment, /HOME=/);
    doesNotMatch(environment, new RegExp(name));
  }
});

Deno.test("the guard answers nobody who does not have its key", async () => {
  using guard = await start();
  const url = new URL(guard.url ?? "");
  const body = JSON.stringify(request("http://127.0.0.1:1/"));

  for (const authorization of ["", "Bearer ", `Bearer ${url.password}x`]) {
    const answer = await fetch(`http://${url.host}/`, {
      method: "POST",
      headers: { authorization },
      body,
    });
    equal(answer.status, 401);
    await answer.body?.cancel();
  }
  match(url.password, /^[0-9a-f]{32}$/);
});

Deno.test("an abort of the caller ends the request at the other host", async () => {
  const controller = new AbortController();
  const ended = Promise.withResolvers<void>();
  await using service = listen(async (request) => {
    request.signal.addEventListener("abort", () => ended.resolve());
    controller.abort();
    await ended.promise;
    return new Response("too late");
  });
  using guard = await start();

  const answer = openEgress(guard.url).request(
    request(service.url, { signal: controller.signal }),
  );

  await rejects(answer, { code: "egress.failed" });
  await ended.promise;
});

Deno.test("the guard's process speaks TLS, and trusts what this host trusts", async () => {
  const dir = await Deno.makeTempDir();
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30
    -keyout ${dir}/key -out ${dir}/cert -subj /CN=localhost -addext subjectAltName=DNS:localhost`;
  ok((await new Deno.Command("openssl", { args: args.split(/\s+/) }).output()).success);
  const [key, cert] = ["key", "cert"].map((name) => Deno.readTextFileSync(`${dir}/${name}`));
  await using service = Deno.serve(
    { port: 0, hostname: "127.0.0.1", key: key ?? "", cert: cert ?? "", onListen() {} },
    () => new Response("here"),
  );
  const asked = request(`https://localhost:${service.addr.port}/`);

  using strict = await start();
  await rejects(openEgress(strict.url).request(asked), { code: "egress.failed" });
  const before = Deno.env.get("NODE_EXTRA_CA_CERTS");
  Deno.env.set("NODE_EXTRA_CA_CERTS", `${dir}/cert`);
  using trusting = await start();
  if (before === undefined) Deno.env.delete("NODE_EXTRA_CA_CERTS");
  else Deno.env.set("NODE_EXTRA_CA_CERTS", before);
  const answer = await openEgress(trusting.url).request(asked);

  equal(TEXT.decode(answer.body), "here");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a guard that ended starts again at the same address, and requests wait for it", async () => {
  await using service = listen(() => new Response("here"));
  const lines: string[] = [];
  using guard = await start({}, (line) => lines.push(line));
  const egress = openEgress(guard.url, openRuntime());
  await egress.request(request(service.url));
  const before = await pidOf(GUARD);

  Deno.kill(before, "SIGKILL");

  const answer = await until(
    "the guard to answer again",
    20_000,
    () =>
      egress.request(request(service.url)).catch((error) => {
        equal(error.code, "egress.unavailable"); // what was in flight
        return undefined;
      }),
  );
  equal(TEXT.decode(answer.body), "here");
  notEqual(await pidOf(GUARD), before);
  deepEqual(lines, ["the guard of HTTP requests has ended: it starts again"]);
});

Deno.test("500 requests at once, each with a large answer, all come back", async () => {
  const large = "x".repeat(1_000_000);
  await using service = listen(() => new Response(large));
  using guard = await start();
  const egress = openEgress(guard.url);

  const answers = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const { body } = await egress.request(
        request(service.url, { bytesMax: 1_048_576, timeoutMs: 300_000 }),
      );
      return body.length;
    }),
  );

  ok(answers.every((length) => length === large.length));
});

Deno.test("300 requests to a host that never answers keep none from another host", async () => {
  const asked = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  let count = 0;
  await using hangs = listen(async () => {
    count += 1;
    if (count === 300) asked.resolve();
    await end.promise;
    return new Response("late");
  });
  await using service = listen(() => new Response("here"));
  using guard = await start();
  const egress = openEgress(guard.url);
  const slow = Array.from(
    { length: 300 },
    () => egress.request(request(hangs.url, { bytesMax: 1_048_576, timeoutMs: 60_000 })),
  );
  await asked.promise; // all of them have reached the host

  const answer = await egress.request(
    request(service.url, { bytesMax: 1_048_576, timeoutMs: 300_000 }),
  );

  equal(TEXT.decode(answer.body), "here");
  end.resolve();
  equal((await Promise.all(slow)).length, 300);
});

Deno.test("a secret that is not set, and no host at all, start no guard", async () => {
  const common = { root: ROOT, project: ROOT, onLine() {} };
  const absent = { egress: ["*"], secrets: ["ABSENT"], model: undefined, oidc: undefined };
  await rejects(startGuard({ ...common, config: absent, env: { ABSENT: "" } }), {
    code: "config.invalid",
  });
  const nothing = { egress: [], secrets: [], model: undefined, oidc: undefined };
  using none = await startGuard({ ...common, config: nothing, env: {} });

  equal(none.url, undefined);
  await rejects(openEgress(none.url).request(request("http://127.0.0.1/")), {
    code: "egress.refused",
  });
});

/** The process of this one that runs a program. */
async function pidOf(program: string): Promise<number> {
  for await (const { name: thread } of Deno.readDir(`/proc/${Deno.pid}/task`)) {
    const pids = await Deno.readTextFile(`/proc/${Deno.pid}/task/${thread}/children`);
    for (const pid of pids.split(" ").filter((pid) => pid !== "")) {
      const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (command.includes(program)) return Number(pid);
    }
  }
  throw new Error(`nothing runs ${program}`);
}
