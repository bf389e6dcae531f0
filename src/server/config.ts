/** Environment variables to one checked Config: pure, and all faults are reported at once. */

import { API_KEY, API_KEY_LENGTH_MAX } from "../core/api_key.ts";
import {
  BROKER_KINDS,
  brokerOf,
  BROKERS,
  BUS_KINDS,
  type BusKind,
  serversOf,
} from "../core/broker.ts";
import { type Fault, TaskerError } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import { readEgress, readModel } from "./config_egress.ts";
import { type HttpConfig, readHttp } from "./config_http.ts";
import { type OidcConfig, readOidc } from "./config_oidc.ts";
import { ConfigReader, type Environment, quote } from "./config_reader.ts";

/** The least severe line that is logged. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A key that signs reply tokens. Shape: `key` is at least REPLY_KEY_BYTES_MIN bytes. */
export interface ReplyKey {
  readonly kid: string;
  readonly key: Uint8Array<ArrayBuffer>;
}

/** The configuration of a server. `undefined` = not set, and without a default. */
export interface Config extends HttpConfig {
  /** Undefined = the launcher starts the embedded Postgres. */
  readonly databaseUrl: string | undefined;
  /** Whether a pooler in transaction mode stands before Postgres. */
  readonly pooler: boolean;
  readonly bus: BusKind;
  /** Where the bus is; undefined for a bus without a broker. */
  readonly busUrl: string | undefined;
  readonly busPrefix: string;
  readonly dataDir: string;
  readonly workflowsDir: string;
  /** Undefined = every owner that a module here implements. */
  readonly systems: readonly string[] | undefined;
  /** Undefined = generated once and printed. */
  readonly adminKey: string | undefined;
  /** Empty = generated, kept in the journal's database. The first one signs. */
  readonly replyKeys: readonly ReplyKey[];
  readonly allowNet: readonly string[];
  readonly allowEnv: readonly string[];
  readonly allowRead: readonly string[];
  /** Hosts and ranges that the engine's own HTTP requests may go to. */
  readonly egress: readonly string[];
  /** Variables whose values such requests may send. */
  readonly secrets: readonly string[];
  /** The model that may explain incidents; its key is the guard's. Undefined = there is none. */
  readonly model: { readonly url: string; readonly name: string } | undefined;
  /** Where people sign in to the web app without a key; its secret is the guard's. */
  readonly oidc: OidcConfig | undefined;
  /** How long a step is looked at together when it is compared with what it did before. */
  readonly healWindowMs: number;
  /** Undefined = ended tasks are kept for ever. */
  readonly retentionMs: number | undefined;
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  /** Internal, set by the launcher: who works on documents; undefined = this process. */
  readonly documentsUrl: string | undefined;
  /** Internal, set by the launcher: the guard of those requests; undefined = there is none. */
  readonly egressUrl: string | undefined;
  /** Internal, set by the launcher: path of the Rust core; undefined = the TypeScript one. */
  readonly library: string | undefined;
  /** Internal, set by the launcher: why there is no library. */
  readonly libraryReason: string | undefined;
  /** Internal, set by the launcher: a version may stand for a changed definition. */
  readonly isDevelopment: boolean;
  /** Versions of workflows that may break others, by `namespace/name@version`. */
  readonly forced: ReadonlyMap<string, { readonly by: string; readonly reason: string }>;
}

/** Bytes of a reply key: the output of SHA-256, below which HMAC loses strength (RFC 2104 §3). */
const REPLY_KEY_BYTES_MIN = 32;

/** Characters of TASKER_ADMIN_KEY: 24 random base64url characters are 144 bits. */
const ADMIN_KEY_LENGTH_MIN = 24;

const DRAIN_DEFAULT_MS = 30_000;

/** An interval of statistics is the shortest window. */
const HEAL_WINDOW_MS = { min: 10_000, usual: 60_000, max: 3_600_000 };

/** Healing looks at the incidents of a day: what it took back, how often, and when. */
const RETENTION_MS_MIN = 24 * 3_600_000;

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** The names that `readConfig` reads. A server needs the right to read these, and no others. */
export const CONFIG_NAMES = [
  "BUS_URL",
  "DATABASE_URL",
  "REDIS_URL",
  "TASKER_ADMIN_KEY",
  "TASKER_ALLOW_ENV",
  "TASKER_ALLOW_NET",
  "TASKER_ALLOW_READ",
  "TASKER_BEHIND_TLS",
  "TASKER_BUS",
  "TASKER_BUS_PREFIX",
  "TASKER_CONNECTIONS_MAX",
  "TASKER_DATA",
  "TASKER_DEVELOPMENT",
  "TASKER_DOCUMENTS_URL",
  "TASKER_DRAIN",
  "TASKER_EGRESS",
  "TASKER_EGRESS_URL",
  "TASKER_FORCE",
  "TASKER_HEAD_TIMEOUT",
  "TASKER_HEAL_WINDOW",
  "TASKER_HOST",
  "TASKER_IDLE_TIMEOUT",
  "TASKER_LIBRARY",
  "TASKER_LIBRARY_REASON",
  "TASKER_LOG",
  "TASKER_MODEL",
  "TASKER_MODEL_KEY",
  "TASKER_MODEL_URL",
  "TASKER_OIDC_CLAIM",
  "TASKER_OIDC_CLIENT_ID",
  "TASKER_OIDC_CLIENT_SECRET",
  "TASKER_OIDC_ISSUER",
  "TASKER_OIDC_ROLES",
  "TASKER_OIDC_TOKEN_ORIGIN",
  "TASKER_POOLER",
  "TASKER_PORT",
  "TASKER_REPLY_KEYS",
  "TASKER_RETENTION",
  "TASKER_SECRETS",
  "TASKER_SYSTEM",
  "TASKER_TRACE_URL",
  "TASKER_WEB",
  "TASKER_WORKFLOWS",
] as const;

type ConfigName = typeof CONFIG_NAMES[number];
type Reader = ConfigReader<ConfigName>;

/** Names of the command line: a shell that has them set may still start a server. */
const OTHER_NAMES: readonly string[] = ["TASKER_KEY", "TASKER_URL"];

/**
 * Reads and checks the whole configuration.
 *
 * Shape: `env` may hold anything; only `BUS_URL`, `DATABASE_URL`, `REDIS_URL` and `TASKER_*` are
 * looked at.
 * No fault and no message holds a secret.
 *
 * @throws {TaskerError} config.invalid with one fault a variable, `path` being its name
 */
export function readConfig(env: Environment): Config {
  const reader: Reader = new ConfigReader(env);
  refuseUnknownNames(reader, Object.keys(env));
  const config: Config = {
    databaseUrl: reader.url("DATABASE_URL", ["postgres:", "postgresql:"]),
    pooler: readPooler(reader),
    ...readBus(reader),
    busPrefix: readBusPrefix(reader),
    ...readHttp(reader),
    dataDir: reader.text("TASKER_DATA") ?? ".tasker",
    workflowsDir: reader.text("TASKER_WORKFLOWS") ?? "workflows",
    systems: readSystems(reader),
    adminKey: readAdminKey(reader),
    replyKeys: readReplyKeys(reader),
    allowNet: reader.list("TASKER_ALLOW_NET"),
    allowEnv: reader.list("TASKER_ALLOW_ENV"),
    allowRead: reader.list("TASKER_ALLOW_READ"),
    egress: readEgress(reader),
    secrets: readSecrets(reader),
    model: readModel(reader),
    oidc: readOidc(reader),
    egressUrl: reader.text("TASKER_EGRESS_URL"),
    documentsUrl: reader.text("TASKER_DOCUMENTS_URL"),
    healWindowMs: readHealWindow(reader),
    retentionMs: readRetention(reader),
    drainMs: reader.duration("TASKER_DRAIN") ?? DRAIN_DEFAULT_MS,
    logLevel: reader.choice("TASKER_LOG", LOG_LEVELS) ?? "info",
    library: reader.text("TASKER_LIBRARY"),
    libraryReason: reader.text("TASKER_LIBRARY_REASON"),
    isDevelopment: reader.flag("TASKER_DEVELOPMENT"),
    forced: readForced(reader),
  };
  if (reader.faults.length > 0) throw configInvalid(reader.faults);
  return config;
}

function configInvalid(faults: readonly Fault[]): TaskerError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const lines = faults.map((fault) => `  ${fault.path}: ${fault.detail}`);
  return new TaskerError(
    "config.invalid",
    [`Cannot read the configuration: ${count}`, ...lines].join("\n"),
    { faults },
  );
}

function refuseUnknownNames(reader: Reader, names: readonly string[]): void {
  const known: readonly string[] = [...CONFIG_NAMES, ...OTHER_NAMES];
  for (const name of names.toSorted()) {
    if (!name.startsWith("TASKER_") || known.includes(name)) continue;
    const nearest = nearestOf(name, known);
    const hint = nearest === undefined ? "" : `, did you mean ${nearest}?`;
    reader.fault(name, "unknown_name", `is not a name that Tasker knows${hint}`);
  }
}

/**
 * `BUS_URL` alone chooses the bus by its protocol. `REDIS_URL` stands for it where it is not set;
 * with another bus it is somebody else's, and left alone.
 */
function readBus(reader: Reader): Pick<Config, "bus" | "busUrl"> {
  const chosen = reader.choice("TASKER_BUS", BUS_KINDS);
  const name = reader.text("BUS_URL") === undefined ? "REDIS_URL" : "BUS_URL";
  const isMeant = name === "BUS_URL" || chosen === undefined || chosen === "redis";
  const url = isMeant ? reader.text(name) : undefined;
  const named = url === undefined ? undefined : brokerOf(url);
  const bus = chosen ?? named ?? "postgres";
  const needsUrl = BROKER_KINDS.some((kind) => kind === bus);
  if (url === undefined) {
    if (needsUrl) {
      reader.fault("TASKER_BUS", "no_address", `${quote(bus)} needs BUS_URL, which is not set`);
    }
  } else if (named === undefined || (name === "REDIS_URL" && named !== "redis")) {
    const kinds = name === "REDIS_URL" ? ["redis" as const] : BROKER_KINDS;
    const protocols = kinds.flatMap((kind) => Object.keys(BROKERS[kind].ports));
    reader.fault(name, "wrong_protocol", `starts with none of ${protocols.join("//, ")}//`);
  } else if (named !== bus) {
    const remedy = needsUrl ? "change one of the two" : "leave one of the two out";
    const why = `names ${BROKERS[named].name}, and TASKER_BUS is ${quote(bus)}: ${remedy}`;
    reader.fault(name, "other_bus", why);
  } else checkServers(reader, name, url);
  return { bus, busUrl: needsUrl ? url : undefined };
}

/** The value of a URL stays out of the fault: it may hold a password. */
function checkServers(reader: Reader, name: ConfigName, url: string): void {
  const kind = brokerOf(url) ?? "redis";
  const { isList, name: broker, ports, parameters } = BROKERS[kind];
  const form = `${Object.keys(ports)[0]}//host:port${isList ? ",host:port" : ""}`;
  const servers = serversOf(url);
  if (servers === undefined) {
    reader.fault(name, "not_a_url", `is not a URL with a host, expected ${form}`);
  } else if (servers.length > 1 && !isList) {
    reader.fault(name, "several_hosts", `names several servers, ${broker} takes one: ${form}`);
  } else if (kind === "redis" && !/^\/?\d*$/.test(servers[0]?.pathname ?? "")) {
    reader.fault(name, "no_database", "has a path that is not the number of a database, as in /0");
  }
  for (const parameter of new Set(servers?.[0]?.searchParams.keys())) {
    if (parameters?.includes(parameter) ?? true) continue;
    const why = `has the parameter ${quote(parameter)}, ${broker} knows ${parameters?.join(", ")}`;
    reader.fault(name, "unknown_parameter", why);
  }
}

/** Shape: `namespace/name@version by NAME: REASON`, several separated by semicolons. */
function readForced(reader: Reader): Config["forced"] {
  const entries = (reader.text("TASKER_FORCE") ?? "").split(";").map((one) => one.trim());
  return new Map(
    entries.filter((one) => one !== "").flatMap((entry) => {
      const [, name = "", by = "", reason = ""] =
        /^([^\s/@]+\/[^\s/@]+@\S+) by ([^:]+): *(.+)$/.exec(entry) ?? [];
      if (name !== "") return [[name, { by: by.trim(), reason }] as const];
      const expected = 'expected "namespace/name@version by NAME: REASON"';
      reader.fault("TASKER_FORCE", "not_a_decision", `${quote(entry)}: ${expected}`);
      return [];
    }),
  );
}

function readPooler(reader: Reader): boolean {
  const pooler = reader.flag("TASKER_POOLER");
  if (pooler && reader.text("DATABASE_URL") === undefined) {
    reader.fault("TASKER_POOLER", "no_address", "needs DATABASE_URL, which is not set");
  }
  return pooler;
}

function readBusPrefix(reader: Reader): string {
  const prefix = reader.text("TASKER_BUS_PREFIX") ?? "tasker.workflows";
  if (!/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(prefix)) {
    const expected = "expected words of letters, digits, _ and - with dots between them";
    reader.fault("TASKER_BUS_PREFIX", "not_a_prefix", `${quote(prefix)}: ${expected}`);
  }
  return prefix;
}

function readHealWindow(reader: Reader): number {
  const ms = reader.duration("TASKER_HEAL_WINDOW") ?? HEAL_WINDOW_MS.usual;
  if (ms < HEAL_WINDOW_MS.min || ms > HEAL_WINDOW_MS.max) {
    reader.fault("TASKER_HEAL_WINDOW", "out_of_range", "is not between 10s and 1h");
  }
  return ms;
}

function readRetention(reader: Reader): number | undefined {
  const ms = reader.duration("TASKER_RETENTION");
  if (ms !== undefined && ms < RETENTION_MS_MIN) {
    reader.fault(
      "TASKER_RETENTION",
      "out_of_range",
      "is shorter than 1d, in which healing looks back at its incidents",
    );
  }
  return ms;
}

function readSystems(reader: Reader): readonly string[] | undefined {
  const systems = reader.list("TASKER_SYSTEM");
  return systems.length === 0 ? undefined : systems;
}

function readSecrets(reader: Reader): readonly string[] {
  const names = reader.list("TASKER_SECRETS");
  for (const name of names) {
    const isOurs = CONFIG_NAMES.some((one) => one === name);
    if (!isOurs && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    const expected = "expected the name of a variable that is not Tasker's own";
    reader.fault("TASKER_SECRETS", "not_a_name", `${quote(name)}: ${expected}`);
  }
  return names;
}

function readAdminKey(reader: Reader): string | undefined {
  const key = reader.text("TASKER_ADMIN_KEY");
  if (key !== undefined && key.length < ADMIN_KEY_LENGTH_MIN) {
    const length = `has ${key.length} characters, expected at least ${ADMIN_KEY_LENGTH_MIN}`;
    reader.fault("TASKER_ADMIN_KEY", "too_short", length);
  } else if (key !== undefined && !API_KEY.test(key)) {
    const expected = `expected at most ${API_KEY_LENGTH_MAX} visible ASCII characters`;
    reader.fault("TASKER_ADMIN_KEY", "not_a_key", `cannot be sent in a header: ${expected}`);
  }
  return key;
}

function readReplyKeys(reader: Reader): readonly ReplyKey[] {
  const keys = reader.list("TASKER_REPLY_KEYS").map(parseReplyKey);
  const read = keys.filter((key) => key !== undefined);
  const kids = new Set(read.map((key) => key.kid));
  if (read.length < keys.length || kids.size < keys.length) {
    const expected = `expected kid:base64 with ${REPLY_KEY_BYTES_MIN} bytes or more, each kid once`;
    const at = keys.findIndex((key, index) =>
      key === undefined || keys.findIndex((other) => other?.kid === key.kid) < index
    );
    reader.fault("TASKER_REPLY_KEYS", "not_a_key", `key ${at + 1} cannot be used, ${expected}`);
  }
  return read;
}

function parseReplyKey(text: string): ReplyKey | undefined {
  const parts = /^([A-Za-z0-9_-]+):([A-Za-z0-9+/_-]+={0,2})$/.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined) return undefined;
  const base64 = parts[2].replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  if (base64.length % 4 === 1) return undefined;
  const key = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return key.length < REPLY_KEY_BYTES_MIN ? undefined : { kid: parts[1], key };
}
