/**
 * Every broker over TLS, and with a password: certificates of an authority of one's own, which
 * `DENO_CERT` names.
 */

import assert from "node:assert/strict";
import type { BrokerKind } from "../src/core/broker.ts";
import { startKafka } from "./support/kafka.ts";
import { startNats } from "./support/nats.ts";
import { freePort, isThere } from "./support/programs.ts";
import { startRabbit } from "./support/rabbitmq.ts";
import { startRedis } from "./support/redis.ts";
import type { NoServer } from "./support/test_server.ts";

const PASSWORD = "of-a-test";

/** Where the certificate of the authority, and the server's with its key, lie. */
interface Certificates {
  readonly folder: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** A server, and the URL that logs in over TLS. */
interface TlsServer extends AsyncDisposable {
  readonly url: string;
}

const SERVERS: Readonly<
  Record<BrokerKind, (of: Certificates, port: number) => Promise<TlsServer | NoServer>>
> = {
  async redis({ folder, certificate, key, authority }, port) {
    const users = `${folder}/users.acl`;
    await Deno.writeTextFile(
      users,
      `user default on nopass +ping\nuser tasker on >${PASSWORD} ~* &* +@all\n`,
    );
    const server = await startRedis({
      "tls-port": String(port),
      "tls-cert-file": certificate,
      "tls-key-file": key,
      "tls-ca-cert-file": authority,
      "tls-auth-clients": "no",
      aclfile: users,
    });
    return over(server, `rediss://tasker:${PASSWORD}@localhost:${port}`);
  },
  async nats({ certificate, key }) {
    const server = await startNats([
      `tls { cert_file: "${certificate}", key_file: "${key}" }`,
      `authorization { user: tasker, password: "${PASSWORD}" }`,
    ].join("\n"));
    const port = "reason" in server ? 0 : server.port;
    return over(server, `tls://tasker:${PASSWORD}@localhost:${port}`);
  },
  async rabbitmq({ certificate, key, authority }, port) {
    const server = await startRabbit([
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${authority}`,
      `ssl_options.certfile = ${certificate}`,
      `ssl_options.keyfile = ${key}`,
      "ssl_options.verify = verify_none",
    ]);
    return over(server, `amqps://guest:guest@localhost:${port}`);
  },
  async kafka({ folder, certificate, key, authority }, port) {
    const keys = await joined(`${folder}/kafka.pem`, [key, certificate]);
    const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    const plain = freePort();
    const controller = freePort();
    const server = await startKafka({
      "listeners":
        `PLAINTEXT://127.0.0.1:${plain},SASL_SSL://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${plain},SASL_SSL://localhost:${port}`,
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
      "inter.broker.listener.name": "PLAINTEXT",
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": keys,
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": authority,
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.sasl_ssl.plain.sasl.jaas.config": `${login} user_tasker="${PASSWORD}";`,
    });
    return over(server, `kafkas://tasker:${PASSWORD}@localhost:${port}?sasl=plain`);
  },
};

function over(server: AsyncDisposable | NoServer, url: string): TlsServer | NoServer {
  if ("reason" in server) return server;
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function joined(path: string, parts: readonly string[]): Promise<string> {
  const texts = await Promise.all(parts.map((part) => Deno.readTextFile(part)));
  await Deno.writeTextFile(path, texts.join("\n"));
  return path;
}

/** Makes an authority, and a certificate of it for this machine. */
async function certify(): Promise<Certificates> {
  const folder = await Deno.makeTempDir({ prefix: "tasker-tls-" });
  const openssl = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  const fresh = ["-newkey", "rsa:2048", "-nodes"];
  const isAuthority = ["-addext", "basicConstraints=critical,CA:TRUE"];
  await openssl(
    ...["req", "-x509", ...fresh, "-days", "2", "-subj", "/CN=Authority of a test"],
    ...[...isAuthority, "-keyout", "ca.key", "-out", "ca.pem"],
  );
  await openssl("req", ...fresh, "-subj", "/CN=localhost", "-keyout", "s.key", "-out", "s.csr");
  await Deno.writeTextFile(`${folder}/names`, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await openssl(
    ...["x509", "-req", "-in", "s.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
    ...["-days", "2", "-out", "s.pem", "-extfile", "names"],
  );
  return {
    folder,
    authority: `${folder}/ca.pem`,
    certificate: `${folder}/s.pem`,
    key: `${folder}/s.key`,
  };
}

/** Carries an envelope in a process that trusts an authority, or none but the known ones. */
async function carry(url: string, authority?: string): Promise<{ ok: boolean; said: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "tests/support/carry.ts"],
    env: { BUS_URL: url, NO_COLOR: "1", ...(authority !== undefined && { DENO_CERT: authority }) },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { ok: success, said };
}

const reason = await isThere("openssl", ["version"]) ? undefined : "there is no openssl";
const certificates = reason === undefined ? await certify() : undefined;

Deno.test.afterAll(async () => {
  if (certificates !== undefined) await Deno.remove(certificates.folder, { recursive: true });
});

for (const [kind, start] of Object.entries(SERVERS)) {
  Deno.test(`${kind} over TLS carries envelopes under an authority that is named, and no other`, async (t) => {
    const found = certificates === undefined
      ? { reason: reason ?? "" }
      : await start(certificates, freePort());
    const isThere = !("reason" in found);
    if (!isThere) console.log(`ignored: ${kind} over TLS, because ${found.reason}`);
    await t.step({
      name: "with a real server",
      ignore: !isThere,
      async fn() {
        if (!isThere) return;
        await using server = found;

        const trusted = await carry(server.url, certificates?.authority);
        const untrusted = await carry(server.url);

        assert.ok(trusted.ok, trusted.said);
        assert.match(trusted.said, /"id":"carried"/);
        assert.equal(untrusted.ok, false);
        assert.match(untrusted.said, /certificate|UnknownIssuer/i);
        assert.ok(!untrusted.said.includes(PASSWORD), "the password is in an error");
      },
    });
  });
}
