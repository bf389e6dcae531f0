import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { CONFIG_NAMES, readConfig } from "./config.ts";
import type { Environment } from "./config_reader.ts";
import { type Fault, TaskerError } from "../core/errors.ts";

const KEY_32 = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

function refusal(env: Environment): TaskerError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof TaskerError) return error;
  }
  throw new Error("readConfig() accepted what it must refuse");
}

function faultsOf(env: Environment): readonly Fault[] {
  return refusal(env).faults;
}

/** The fault codes by name of variable. */
function codes(env: Environment): Record<string, string> {
  return Object.fromEntries(faultsOf(env).map((fault) => [fault.path, fault.code]));
}

Deno.test("readConfig() gives the documented defaults for an empty environment", () => {
  const config = readConfig({});

  deepEqual(config, {
    databaseUrl: undefined,
    bus: "postgres",
    busUrl: undefined,
    busPrefix: "tasker.workflows",
    host: "127.0.0.1",
    port: 8080,
    behindTls: false,
    connectionsMax: 4_096,
    headTimeoutMs: 10_000,
    idleTimeoutMs: 75_000,
    pooler: false,
    dataDir: ".tasker",
    web: true,
    traceUrl: undefined,
    workflowsDir: "workflows",
    systems: undefined,
    adminKey: undefined,
    replyKeys: [],
    allowNet: [],
    allowEnv: [],
    allowRead: [],
    egress: [],
    secrets: [],
    model: undefined,
    oidc: undefined,
    egressUrl: undefined,
    documentsUrl: undefined,
    healWindowMs: 60_000,
    retentionMs: undefined,
    drainMs: 30_000,
    logLevel: "info",
    library: undefined,
    isDevelopment: false,
    forced: new Map(),
    libraryReason: undefined,
  });
});

Deno.test("readConfig() reads every name", () => {
  const config = readConfig({
    DATABASE_URL: "postgres://tasker:secret@db:5433/orders",
    BUS_URL: "nats://one,two:4223",
    REDIS_URL: "rediss://cache:6380/1",
    TASKER_BUS: "nats",
    TASKER_BUS_PREFIX: "acme.workflows",
    TASKER_HOST: "[::1]",
    TASKER_PORT: "0",
    TASKER_BEHIND_TLS: "1",
    TASKER_POOLER: "1",
    TASKER_DATA: "/var/lib/tasker",
    TASKER_TRACE_URL: "https://traces.company.com/{traceId}",
    TASKER_WEB: "off",
    TASKER_WORKFLOWS: "flows",
    TASKER_SYSTEM: "orders, billing,",
    TASKER_ADMIN_KEY: "k".repeat(24),
    TASKER_REPLY_KEYS: `now:${KEY_32},before:${KEY_32}`,
    TASKER_ALLOW_NET: "api.example.com:443",
    TASKER_ALLOW_ENV: "STRIPE_KEY,SMTP_*",
    TASKER_ALLOW_READ: "/etc/ssl",
    TASKER_EGRESS: "mail.company.com,10.2.0.0/16",
    TASKER_SECRETS: "MAIL_TOKEN",
    TASKER_MODEL_URL: "http://10.2.0.7:11434/v1",
    TASKER_MODEL: "llama3.3:70b",
    TASKER_MODEL_KEY: "any",
    TASKER_OIDC_ISSUER: "https://mail.company.com/id",
    TASKER_OIDC_CLIENT_ID: "tasker",
    TASKER_OIDC_CLIENT_SECRET: "s",
    TASKER_OIDC_TOKEN_ORIGIN: "https://tokens.company.com/oauth",
    TASKER_OIDC_CLAIM: "roles",
    TASKER_OIDC_ROLES: "tasker=admins=admin, all=viewer",
    TASKER_EGRESS_URL: "http://guard:key@127.0.0.1:1",
    TASKER_DOCUMENTS_URL: "http://documents:key@127.0.0.1:2",
    TASKER_HEAL_WINDOW: "5m",
    TASKER_RETENTION: "30d",
    TASKER_DRAIN: "5s",
    TASKER_CONNECTIONS_MAX: "100",
    TASKER_HEAD_TIMEOUT: "3s",
    TASKER_IDLE_TIMEOUT: "2m",
    TASKER_LOG: "debug",
    TASKER_DEVELOPMENT: "1",
    TASKER_FORCE: "shop/order@2.0.0 by ada: all know",
    TASKER_LIBRARY: "ffi/libtasker.so",
    TASKER_LIBRARY_REASON: "cargo is not installed",
  });

  const key = new TextEncoder().encode("01234567890123456789012345678901");
  deepEqual(config, {
    databaseUrl: "postgres://tasker:secret@db:5433/orders",
    bus: "nats",
    busUrl: "nats://one,two:4223",
    busPrefix: "acme.workflows",
    host: "::1",
    port: 0,
    behindTls: true,
    pooler: true,
    dataDir: "/var/lib/tasker",
    traceUrl: "https://traces.company.com/{traceId}",
    web: false,
    workflowsDir: "flows",
    systems: ["orders", "billing"],
    adminKey: "k".repeat(24),
    replyKeys: [{ kid: "now", key }, { kid: "before", key }],
    allowNet: ["api.example.com:443"],
    allowEnv: ["STRIPE_KEY", "SMTP_*"],
    allowRead: ["/etc/ssl"],
    egress: ["mail.company.com", "10.2.0.0/16"],
    secrets: ["MAIL_TOKEN"],
    model: { url: "http://10.2.0.7:11434/v1", name: "llama3.3:70b" },
    oidc: {
      issuer: "https://mail.company.com/id",
      clientId: "tasker",
      hasSecret: true,
      tokenOrigin: "https://tokens.company.com",
      claim: "roles",
      roles: new Map([["tasker=admins", "admin"], ["all", "viewer"]]),
    },
    egressUrl: "http://guard:key@127.0.0.1:1",
    documentsUrl: "http://documents:key@127.0.0.1:2",
    healWindowMs: 300_000,
    retentionMs: 2_592_000_000,
    drainMs: 5_000,
    connectionsMax: 100,
    headTimeoutMs: 3_000,
    idleTimeoutMs: 120_000,
    logLevel: "debug",
    isDevelopment: true,
    forced: new Map([["shop/order@2.0.0", { by: "ada", reason: "all know" }]]),
    library: "ffi/libtasker.so",
    libraryReason: "cargo is not installed",
  });
});

Deno.test("readConfig() takes an empty value as not set", () => {
  const empty = Object.fromEntries(CONFIG_NAMES.map((name) => [name, " "]));

  deepEqual(readConfig(empty), readConfig({}));
});

const bus = (env: Environment) => {
  const { bus, busUrl } = readConfig(env);
  return { bus, busUrl };
};

Deno.test("readConfig() chooses the bus by the protocol of BUS_URL, without one postgres", () => {
  const chosen = (BUS_URL: string) => readConfig({ BUS_URL }).bus;

  equal(chosen("redis://cache"), "redis");
  equal(chosen("rediss://cache:6380/1"), "redis");
  equal(chosen("nats://one,two"), "nats");
  equal(chosen("tls://one"), "nats");
  equal(chosen("amqp://me:secret@rabbit/vhost"), "rabbitmq");
  equal(chosen("amqps://rabbit"), "rabbitmq");
  equal(chosen("kafka://one:9092,two:9092"), "kafka");
  deepEqual(bus({}), { bus: "postgres", busUrl: undefined });
});

Deno.test("readConfig() takes REDIS_URL for a BUS_URL that is not set", () => {
  const REDIS_URL = "redis://127.0.0.1:6379";

  deepEqual(bus({ REDIS_URL }), { bus: "redis", busUrl: REDIS_URL });
  deepEqual(bus({ REDIS_URL, TASKER_BUS: "redis" }), { bus: "redis", busUrl: REDIS_URL });
  deepEqual(bus({ REDIS_URL, BUS_URL: "redis://b" }), { bus: "redis", busUrl: "redis://b" });
});

Deno.test("readConfig() leaves REDIS_URL alone when another bus is chosen", () => {
  const REDIS_URL = "redis://127.0.0.1:6379";

  deepEqual(bus({ REDIS_URL, TASKER_BUS: "postgres" }), { bus: "postgres", busUrl: undefined });
  deepEqual(bus({ REDIS_URL, BUS_URL: "nats://a" }), { bus: "nats", busUrl: "nats://a" });
  deepEqual(codes({ REDIS_URL, TASKER_BUS: "nats" }), { TASKER_BUS: "no_address" });
});

Deno.test("readConfig() refuses a broker without its URL", () => {
  for (const TASKER_BUS of ["redis", "nats", "rabbitmq", "kafka"]) {
    deepEqual(codes({ TASKER_BUS }), { TASKER_BUS: "no_address" });
  }
});

Deno.test("readConfig() refuses a URL of another bus than the chosen one", () => {
  const fault = (TASKER_BUS: string) => faultsOf({ TASKER_BUS, BUS_URL: "nats://a" })[0];

  deepEqual(fault("kafka"), {
    path: "BUS_URL",
    code: "other_bus",
    detail: 'names NATS, and TASKER_BUS is "kafka": change one of the two',
  });
  deepEqual(fault("postgres"), {
    path: "BUS_URL",
    code: "other_bus",
    detail: 'names NATS, and TASKER_BUS is "postgres": leave one of the two out',
  });
});

Deno.test("readConfig() refuses URLs that name no broker it can speak to", () => {
  const fault = (BUS_URL: string) => codes({ BUS_URL });

  deepEqual(fault("postgres://db/orders"), { BUS_URL: "wrong_protocol" });
  deepEqual(fault("cache:6379"), { BUS_URL: "wrong_protocol" });
  deepEqual(fault("kafka://"), { BUS_URL: "not_a_url" });
  deepEqual(fault("kafka://a,,b"), { BUS_URL: "not_a_url" });
  deepEqual(fault("redis://a,b"), { BUS_URL: "several_hosts" });
  deepEqual(codes({ REDIS_URL: "nats://a" }), { REDIS_URL: "wrong_protocol" });
});

Deno.test("readConfig() refuses a database or a parameter of BUS_URL that would not be used", () => {
  for (const path of ["", "/", "/0", "/15"]) {
    equal(readConfig({ BUS_URL: `redis://:pw@h${path}` }).bus, "redis");
  }
  for (const path of ["/abc", "/1/2", "/1.5", "/-1"]) {
    deepEqual(codes({ BUS_URL: `redis://:pw@h${path}` }), { BUS_URL: "no_database" });
  }
  equal(readConfig({ BUS_URL: "nats://a,b?replicas=3" }).bus, "nats");
  equal(readConfig({ BUS_URL: "kafka://a?sasl=plain" }).bus, "kafka");
  deepEqual(faultsOf({ BUS_URL: "nats://a?replica=3" }), [{
    path: "BUS_URL",
    code: "unknown_parameter",
    detail: 'has the parameter "replica", NATS knows replicas',
  }]);
});

Deno.test("readConfig() refuses a pooler without the address of one", () => {
  match(refusal({ TASKER_POOLER: "1" }).message, /TASKER_POOLER: needs DATABASE_URL/);
});

Deno.test("readConfig() suggests the nearest name for an unknown one", () => {
  const [fault, ...more] = faultsOf({ TASKER_PROT: "80" });

  equal(fault?.code, "unknown_name");
  match(fault?.detail ?? "", /did you mean TASKER_PORT\?/);
  deepEqual(more, []);
});

Deno.test("readConfig() suggests nothing when no name is near", () => {
  const [fault] = faultsOf({ TASKER_SOMETHING_ELSE: "1" });

  equal(fault?.detail.includes("did you mean"), false);
});

Deno.test("readConfig() leaves names of others and of the command line alone", () => {
  ok(readConfig({ PATH: "/bin", TASKER_URL: "http://127.0.0.1:8080", TASKER_KEY: "k" }));
});

Deno.test("readConfig() lists all faults at once, each on a line of its own", () => {
  const error = refusal({ TASKER_PORT: "65536", TASKER_DRAIN: "soon", TASKER_BEHIND_TLS: "yes" });

  equal(error.code, "config.invalid");
  deepEqual(error.message.split("\n"), [
    "Cannot read the configuration: 3 faults",
    '  TASKER_BEHIND_TLS: "yes" is neither 1 nor 0',
    '  TASKER_PORT: "65536" is not a port, expected 0..65535',
    '  TASKER_DRAIN: "soon" is not a duration such as `500ms`, `30s`, `5m`, `2h` or `30d`',
  ]);
});

Deno.test("readConfig() refuses values outside a choice", () => {
  const faults = codes({ TASKER_BUS: "rabbit", TASKER_LOG: "verbose" });

  deepEqual(faults, { TASKER_BUS: "not_a_choice", TASKER_LOG: "not_a_choice" });
});

Deno.test("readConfig() refuses a bus prefix that no broker could take", () => {
  for (const TASKER_BUS_PREFIX of ["a b", ".a", "a..b", "a.", "a>b", "a*"]) {
    deepEqual(codes({ TASKER_BUS_PREFIX }), { TASKER_BUS_PREFIX: "not_a_prefix" });
  }
});

Deno.test("readConfig() refuses URLs that name no server it can speak to", () => {
  const faults = (DATABASE_URL: string) => codes({ DATABASE_URL })["DATABASE_URL"];

  equal(faults("db.example.com"), "not_a_url");
  equal(faults("mysql://db/orders"), "wrong_protocol");
  equal(faults("postgres:///orders"), "no_host");
});

Deno.test("readConfig() refuses what names neither host nor range, nor a secret of its own", () => {
  const TASKER_EGRESS = "mail.company.com, *.b.com:443, *, 10.2.0.0/16";

  deepEqual(readConfig({ TASKER_EGRESS }).egress.length, 4);
  for (const rule of ["http://a.com", "a.com/path", "10.0.0.0/99", "*.*"]) {
    deepEqual(codes({ TASKER_EGRESS: `a.com,${rule}` }), { TASKER_EGRESS: "not_a_rule" });
  }
  for (const name of ["TASKER_ADMIN_KEY", "DATABASE_URL", "a-b", "1A"]) {
    deepEqual(codes({ TASKER_SECRETS: name }), { TASKER_SECRETS: "not_a_name" });
  }
});

Deno.test("readConfig() takes all of a model or none, at an address that may be called", () => {
  const model = {
    TASKER_MODEL_URL: "https://api.openai.com/v1",
    TASKER_MODEL: "gpt-5",
    TASKER_MODEL_KEY: "sk-1",
    TASKER_EGRESS: "api.openai.com",
  };
  const at = (TASKER_MODEL_URL: string) => codes({ ...model, TASKER_MODEL_URL });

  deepEqual(readConfig(model).model, { url: "https://api.openai.com/v1", name: "gpt-5" });
  deepEqual(codes({ ...model, TASKER_MODEL: "" }), { TASKER_MODEL: "incomplete" });
  deepEqual(codes({ TASKER_MODEL_KEY: "sk-1" }), {
    TASKER_MODEL_URL: "incomplete",
    TASKER_MODEL: "incomplete",
  });
  deepEqual(codes({ ...model, TASKER_EGRESS: "" }), { TASKER_MODEL_URL: "not_allowed" });
  deepEqual(at("https://other.example/v1"), { TASKER_MODEL_URL: "not_allowed" });
  deepEqual(at("https://user:pass@api.openai.com/v1"), { TASKER_MODEL_URL: "not_allowed" });
  deepEqual(at("https://api.openai.com/v1?key=x"), { TASKER_MODEL_URL: "not_a_base" });
  deepEqual(at("api.openai.com"), { TASKER_MODEL_URL: "not_a_url" });
  deepEqual(codes({ ...model, TASKER_MODEL_KEY: "two words" }), { TASKER_MODEL_KEY: "not_a_key" });
});

Deno.test("readConfig() refuses windows of healing that no interval fits in, or no day", () => {
  for (const TASKER_HEAL_WINDOW of ["9s", "2h"]) {
    deepEqual(codes({ TASKER_HEAL_WINDOW }), { TASKER_HEAL_WINDOW: "out_of_range" });
  }
});

Deno.test("readConfig() refuses to forget incidents that healing still looks at", () => {
  deepEqual(codes({ TASKER_RETENTION: "23h" }), { TASKER_RETENTION: "out_of_range" });
  equal(readConfig({ TASKER_RETENTION: "24h" }).retentionMs, 86_400_000);
});

Deno.test("readConfig() refuses weak or repeated keys", () => {
  const replyKeys = (TASKER_REPLY_KEYS: string) =>
    codes({ TASKER_REPLY_KEYS })["TASKER_REPLY_KEYS"];

  equal(replyKeys("now:c2hvcnQ="), "not_a_key");
  equal(replyKeys(KEY_32), "not_a_key");
  equal(replyKeys(`a:${KEY_32},a:${KEY_32}`), "not_a_key");
  equal(replyKeys(`a:${KEY_32},b:%%%`), "not_a_key");
  deepEqual(codes({ TASKER_ADMIN_KEY: "short" }), { TASKER_ADMIN_KEY: "too_short" });
  for (const key of [`two words ${"k".repeat(24)}`, "ключ".repeat(8), "k".repeat(513)]) {
    deepEqual(codes({ TASKER_ADMIN_KEY: key }), { TASKER_ADMIN_KEY: "not_a_key" });
  }
});

Deno.test("readConfig() keeps secrets out of its message and faults", () => {
  const error = refusal({
    DATABASE_URL: "mysql://tasker:s3cret@db/orders",
    BUS_URL: "nats://tasker:s3cret@",
    TASKER_ADMIN_KEY: "s3cret",
    TASKER_REPLY_KEYS: "now:s3cret",
    TASKER_MODEL_KEY: "s3cret key",
    TASKER_MODEL_URL: "https://tasker:s3cret@host/v1",
    TASKER_MODEL: "any",
  });

  equal(error.faults.length, 6);
  equal(error.message.includes("s3cret"), false);
  equal(JSON.stringify(error.faults).includes("s3cret"), false);
});

Deno.test("TASKER_FORCE names versions, who decides and why", () => {
  const TASKER_FORCE = "shop/order@2.0.0 by ada: all shops: know; shop/bill@1.1.0-rc.1 by bo: r";

  deepEqual([...readConfig({ TASKER_FORCE }).forced], [
    ["shop/order@2.0.0", { by: "ada", reason: "all shops: know" }],
    ["shop/bill@1.1.0-rc.1", { by: "bo", reason: "r" }],
  ]);
});

Deno.test("TASKER_FORCE without a version, a name or a reason is refused", () => {
  for (
    const TASKER_FORCE of [
      "shop/order by ada: r",
      "shop/order@2.0.0: r",
      "shop/order@2.0.0 by ada:",
    ]
  ) {
    throws(() => readConfig({ TASKER_FORCE }), /TASKER_FORCE: .*expected "namespace\/name@version/);
  }
});
