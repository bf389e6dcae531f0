/** Reads how clients reach the server: the address, its limits, and the web app. */

import { type ConfigReader, quote } from "./config_reader.ts";

type Reader = ConfigReader<
  | "TASKER_BEHIND_TLS"
  | "TASKER_CONNECTIONS_MAX"
  | "TASKER_HEAD_TIMEOUT"
  | "TASKER_HOST"
  | "TASKER_IDLE_TIMEOUT"
  | "TASKER_PORT"
  | "TASKER_TRACE_URL"
  | "TASKER_WEB"
>;

/** How clients reach the server. */
export interface HttpConfig {
  /** An address without brackets: `127.0.0.1`, `::1`. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly behindTls: boolean;
  /** Open connections of HTTP clients; a long poll or a stream has one for as long as it lasts. */
  readonly connectionsMax: number;
  /** Time for the head of a connection's first request to arrive. */
  readonly headTimeoutMs: number;
  /** Time that a connection may be open without a request. */
  readonly idleTimeoutMs: number;
  /** Whether the web app is built and served. */
  readonly web: boolean;
  /** Where a trace is shown, with `{traceId}` in it; undefined: traces have no links. */
  readonly traceUrl: string | undefined;
}

const PORT_MAX = 65_535;
/** Twice the long polls and streams of a node, so that requests find a place beside them. */
const CONNECTIONS_MAX_DEFAULT = 4_096;
const CONNECTIONS_MAX_LIMIT = 1_000_000;

const HEAD_TIMEOUT_DEFAULT_MS = 10_000;

/** Longer than the 60 s after which proxies drop idle connections: they close first. */
const IDLE_TIMEOUT_DEFAULT_MS = 75_000;
const TIMEOUT_MS_MIN = 1_000;

/** Reads how clients reach the server. */
export function readHttp(reader: Reader): HttpConfig {
  return {
    ...readAddress(reader),
    connectionsMax: readConnectionsMax(reader),
    headTimeoutMs: readTimeout(reader, "TASKER_HEAD_TIMEOUT") ?? HEAD_TIMEOUT_DEFAULT_MS,
    idleTimeoutMs: readTimeout(reader, "TASKER_IDLE_TIMEOUT") ?? IDLE_TIMEOUT_DEFAULT_MS,
    web: reader.choice("TASKER_WEB", ["on", "off"]) !== "off",
    traceUrl: readTraceUrl(reader),
  };
}

function readTraceUrl(reader: Reader): string | undefined {
  const template = reader.text("TASKER_TRACE_URL");
  if (template === undefined) return undefined;
  const protocol = URL.parse(template)?.protocol;
  if (template.includes("{traceId}") && (protocol === "https:" || protocol === "http:")) {
    return template;
  }
  const expected =
    "expected an address with {traceId}, such as https://traces.company.com/{traceId}";
  reader.fault("TASKER_TRACE_URL", "not_a_template", `${quote(template)}: ${expected}`);
}

function readAddress(reader: Reader): Pick<HttpConfig, "host" | "port" | "behindTls"> {
  const behindTls = reader.flag("TASKER_BEHIND_TLS");
  const host = (reader.text("TASKER_HOST") ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  if (!isLoopback(host) && !behindTls) {
    const remedy = "put a proxy that terminates TLS before it and set TASKER_BEHIND_TLS=1";
    reader.fault(
      "TASKER_HOST",
      "not_loopback",
      `${quote(host)} can be reached from outside: ${remedy}`,
    );
  }
  const text = reader.text("TASKER_PORT") ?? "8080";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= PORT_MAX)) {
    reader.fault(
      "TASKER_PORT",
      "not_a_port",
      `${quote(text)} is not a port, expected 0..${PORT_MAX}`,
    );
  }
  return { host, port, behindTls };
}

function readConnectionsMax(reader: Reader): number {
  const text = reader.text("TASKER_CONNECTIONS_MAX");
  if (text === undefined) return CONNECTIONS_MAX_DEFAULT;
  const count = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (!(count >= 1 && count <= CONNECTIONS_MAX_LIMIT)) {
    const expected = `is not a number of connections, expected 1..${CONNECTIONS_MAX_LIMIT}`;
    reader.fault("TASKER_CONNECTIONS_MAX", "not_a_count", `${quote(text)} ${expected}`);
  }
  return count;
}

function readTimeout(
  reader: Reader,
  name: "TASKER_HEAD_TIMEOUT" | "TASKER_IDLE_TIMEOUT",
): number | undefined {
  const ms = reader.duration(name);
  if (ms !== undefined && ms < TIMEOUT_MS_MIN) {
    const expected = `is shorter than ${TIMEOUT_MS_MIN / 1_000} s`;
    reader.fault(name, "too_short", `${quote(reader.text(name) ?? "")} ${expected}`);
  }
  return ms;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
