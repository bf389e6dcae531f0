/** MCP over HTTP: who may come, how much they may send, and the two generations of the protocol. */

import {
  createMcpHandler,
  localhostAllowedOrigins,
  type McpRequestContext,
  originValidationResponse,
  type ProtocolError,
  readRequestBody,
  type Server,
} from "@modelcontextprotocol/server";
import { type Client, ClientError } from "../client.ts";
import { API_KEY } from "../core/api_key.ts";
import { FairQueue } from "../core/fair_queue.ts";
import type { Runtime } from "../core/ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Failure, failureOf, failureText, protocolErrorOf, refused } from "./failure.ts";
import { Limits } from "./limits.ts";
import { mcpServer, type ServerDeps } from "./server.ts";
import type { McpSession } from "./session.ts";
import { taskListenOf, TaskSubscriptions } from "./task_subscription.ts";

/** Where it is served. */
export const MCP_PATH = "/mcp";

/** The largest body, in bytes. */
const BODY_BYTES_MAX = 1024 * 1024;

/** How long a body may take to arrive, in milliseconds. */
const BODY_MS_MAX = 30_000;

/** Streams of subscriptions at once; the API bounds everything else that waits. */
const SUBSCRIPTIONS_MAX = 256;

/**
 * Requests that are worked on at once, in turns between keys. They share one thread: more of them would
 * not end sooner. How many wait is bounded by the connections that the listener takes.
 */
const TURNS = {
  ...{ name: "answer", placesMax: 4 },
  ...{ countPerOwnerMax: Infinity, bytesPerOwnerMax: Infinity, bytesMax: Infinity },
};

/** A request that takes longer while the thread is free waits for a task or Postgres: its place goes to the next. */
const PLACE_MS_MAX = 50;

/** A timer that is this late says that the thread is busy. */
const LATE_MS = 50;

/** JSON-RPC: an error of this server, which no method has. */
const SERVER_ERROR = -32000;

/** The status of an answer whose client has left. */
const CLIENT_GONE = 499;

/** What it works with. */
export interface McpHttpDeps extends Omit<ServerDeps, "limits" | "count" | "runtime"> {
  readonly runtime: Pick<Runtime, "monotonic" | "now" | "after" | "digest">;
  readonly metrics: Metrics;
  /** Opens Tasker under a key, for a client that calls itself so. */
  clientOf(key: string, agent: string): Client;
}

/** MCP, ready to be served. */
export interface McpHttp {
  /** Answers a request for `MCP_PATH`; it never rejects. */
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** Opens MCP over HTTP. Every request needs a key, and is answered under its rights alone. */
export function openMcpHttp(deps: McpHttpDeps): McpHttp {
  const limits = new Limits(deps.runtime);
  const { metrics, log } = deps;
  const count: ServerDeps["count"] = (tool, outcome) =>
    metrics.counter("tasker_mcp_calls_total", tool, outcome).add();
  const handler = createMcpHandler(
    (context) => serverOf(context, { ...deps, limits, count }),
    {
      maxSubscriptions: SUBSCRIPTIONS_MAX,
      onerror: (error) => log.debug("Refused an MCP request", { error: error.message }),
    },
  );
  const subscriptions = new TaskSubscriptions(deps.runtime);
  const turns = new FairQueue(TURNS);
  /** The SDK knows no tasks: of a subscription that it takes, it checks the request and sends nothing. */
  const withTasks = async (answer: Response, { text, session, signal }: Listening) => {
    const listen = taskListenOf(text);
    if (listen === undefined || !isStream(answer)) return answer;
    await answer.body?.cancel();
    try {
      return await subscriptions.open(listen, session, signal);
    } catch (thrown) {
      return rpcError(listen.id, protocolErrorOf(thrown));
    }
  };
  return {
    async fetch(request) {
      const foreign = originValidationResponse(request, localhostAllowedOrigins());
      if (foreign !== undefined) return foreign;
      let end = () => {};
      try {
        end = await takeTurn(turns, request, deps.runtime);
        if (request.signal.aborted) return nobodyReads();
        const session = await sessionOf(request, deps);
        const { id, scopes } = await session.key();
        limits.request(id);
        const bounded = await withBody(request, deps.runtime);
        const extra = { session };
        const authInfo = { token: "", clientId: id, scopes: [...scopes], extra };
        const { request: forwarded, text } = bounded;
        const answer = await handler.fetch(forwarded, { authInfo });
        return guarded(await withTasks(answer, { text, session, signal: request.signal }));
      } catch (thrown) {
        return request.signal.aborted ? nobodyReads() : refusal(thrown, deps);
      } finally {
        end();
      }
    },
    async close() {
      subscriptions.close();
      await handler.close();
    },
  };
}

/** Waits for a turn of the request's key; nothing of it is read before. What it returns ends the turn. */
async function takeTurn(
  turns: FairQueue,
  { headers }: Request,
  runtime: Pick<Runtime, "monotonic" | "after">,
): Promise<() => void> {
  const leave = await turns.take({ owner: headers.get("authorization") ?? "", bytes: 0 });
  let cancel = () => {};
  const look = () => {
    const dueMs = runtime.monotonic() + PLACE_MS_MAX;
    cancel = runtime.after(PLACE_MS_MAX, () => {
      if (runtime.monotonic() - dueMs < LATE_MS) leave();
      else look();
    });
  };
  look();
  return () => {
    cancel();
    leave();
  };
}

function serverOf({ authInfo }: McpRequestContext, deps: ServerDeps): Server {
  return mcpServer(authInfo?.extra?.session as McpSession, deps);
}

/** The key is looked up once a request: within it, its rights stay what they were. */
async function sessionOf(request: Request, { clientOf }: McpHttpDeps): Promise<McpSession> {
  const key = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (key === undefined || !API_KEY.test(key)) {
    throw refused("api.unauthorized", "The request has no API key");
  }
  const client = clientOf(key, "mcp");
  const own = await client.call("getOwnKey", {}, { signal: request.signal });
  return { client, as: (agent) => clientOf(key, agent), key: () => Promise.resolve(own) };
}

/** A request whose body has been read. */
interface Bounded {
  readonly request: Request;
  readonly text: string;
}

/** A request that may ask for how tasks stand. */
interface Listening {
  readonly text: string;
  readonly session: McpSession;
  readonly signal: AbortSignal;
}

function isStream({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") === true;
}

function rpcError(id: string | number, { code, message, data }: ProtocolError): Response {
  return Response.json({ jsonrpc: "2.0", id, error: { code, message, data } });
}

/** Reads the body within its bounds, so that a slow client holds nothing but its own connection. */
async function withBody(request: Request, runtime: McpHttpDeps["runtime"]): Promise<Bounded> {
  if (request.body === null) return { request, text: "" };
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {}); // it came in time
  const cancel = runtime.after(
    BODY_MS_MAX,
    () => late.reject(refused("api.bad_request", "Cannot read the body: it does not arrive")),
  );
  try {
    const body = await Promise.race([readRequestBody(request, BODY_BYTES_MAX), late.promise]);
    if (body.tooLarge) {
      throw refused(
        "api.too_large",
        `Cannot accept the body: it has more than ${BODY_BYTES_MAX} bytes`,
      );
    }
    const { method, headers, signal } = request;
    const { text } = body;
    return { request: new Request(request.url, { method, headers, signal, body: text }), text };
  } finally {
    cancel();
  }
}

/** Answers hold what a key may see: nobody keeps them, and no browser guesses their type. */
function guarded(response: Response): Response {
  response.headers.set("cache-control", "no-store");
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

function nobodyReads(): Response {
  return new Response(null, { status: CLIENT_GONE });
}

/** Answers what is refused before MCP reads it. */
function refusal(thrown: unknown, { log }: Pick<McpHttpDeps, "log">): Response {
  const failure = failureOf(thrown, false);
  const isUnexpected = !(thrown instanceof ClientError);
  if (isUnexpected) log.error("An MCP request threw", { error: thrown });
  const status = thrown instanceof ClientError ? thrown.status ?? 503 : 500;
  return Response.json(errorBody(failure), { status, headers: headersOf(failure, status) });
}

function errorBody(failure: Failure) {
  const error = { code: SERVER_ERROR, message: failureText(failure), data: failure };
  return { jsonrpc: "2.0", id: null, error };
}

function headersOf({ retryAfterMs }: Failure, status: number): Record<string, string> {
  return {
    "cache-control": "no-store",
    ...(status === 401 && { "www-authenticate": 'Bearer realm="tasker"' }),
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
  };
}
