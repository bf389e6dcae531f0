/**
 * Root of `deno task mcp`: MCP over stdin and stdout, for a client that starts it. It asks a server over HTTP
 * under one key and has no other right; what it has to say to people goes to stderr.
 *
 * Permissions: every host, because a server may listen anywhere; the folder in which a server on this
 * machine leaves its address and key; three environment variables.
 */

import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { openClient } from "../client.ts";
import { Limits } from "../mcp/limits.ts";
import { OFFER } from "../mcp/offer.ts";
import { mcpServer } from "../mcp/server.ts";
import type { McpSession } from "../mcp/session.ts";
import { openRuntime } from "../server/runtime.ts";
import { VERSION } from "../server/version.ts";
import { openLog } from "../telemetry/log.ts";
import { CONNECTION_NAMES, FIND_KEY, FIND_SERVER, findConnection } from "./connection.ts";

/** How long a call is repeated while the server restarts, in milliseconds. */
const RETRY_FOR_MS = 10_000;

const EXIT_NOT_CONNECTED = 2;

async function readFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Finds the server and the key; says what is missing and ends, otherwise. */
async function connected(): Promise<{ readonly url: string; readonly key: string }> {
  const env = Object.fromEntries(CONNECTION_NAMES.map((name) => [name, Deno.env.get(name)]));
  const { url, key } = await findConnection({ env, readFile });
  if ("missing" in url) console.error(`Cannot find the server: ${url.missing}; ${FIND_SERVER}`);
  else if ("missing" in key) console.error(`Cannot find a key: ${key.missing}; ${FIND_KEY}`);
  else return { url: url.value, key: key.value };
  Deno.exit(EXIT_NOT_CONNECTED);
}

if (import.meta.main) {
  const runtime = openRuntime();
  const options = { ...await connected(), retryForMs: RETRY_FOR_MS, runtime };
  const as = (agent: string) => openClient({ ...options, agent });
  const client = as("mcp");
  const session: McpSession = { client, as, key: () => client.call("getOwnKey", {}) };
  const log = openLog({
    level: "warn",
    terminal: false,
    write: (line) => void Deno.stderr.writeSync(new TextEncoder().encode(line)),
    now: () => runtime.now(),
  });
  const deps = {
    ...OFFER,
    ...{ runtime, log, version: VERSION },
    limits: new Limits(runtime),
    stateKey: runtime.uuid() + runtime.uuid(),
    count: () => {},
  };
  serveStdio(() => mcpServer(session, deps), {
    onerror: (error) => log.warn("Refused an MCP request", { error: error.message }),
  });
}
