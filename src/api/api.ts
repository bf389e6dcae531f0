/** The HTTP API: limits, access, parsing and problems around one list of routes. */

import { type Context, Hono } from "hono";
import { Bug, messageOf, TaskerError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import { nameRequestSpan } from "../telemetry/trace.ts";
import { Access } from "./access.ts";
import { checkHead } from "./body.ts";
import { busRoutes } from "./bus.ts";
import { deadRoutes } from "./dead.ts";
import { operatorActionRoutes } from "./operator_actions.ts";
import { healthRoutes } from "./health.ts";
import { keyRoutes } from "./keys.ts";
import { documentRoute, metricsRoute } from "./ops.ts";
import { LiveFeed } from "./live_feed.ts";
import type { ApiDeps } from "./deps.ts";
import { policyRoutes } from "./policies.ts";
import { badRequest, problemResponse } from "./problem.ts";
import { IdempotencyCache } from "./idempotency_cache.ts";
import type { Reply, Route } from "./route.ts";
import type { Services } from "./services.ts";
import { StreamMemory } from "./stream_memory.ts";
import { streamRoutes } from "./streams.ts";
import { systemRoutes } from "./systems.ts";
import { TaskFrames } from "./task_frames.ts";
import { TaskReader } from "./task_reader.ts";
import { taskRoutes } from "./tasks.ts";
import { OpenConnections } from "./open_connections.ts";
import { Watch } from "./watch.ts";
import { workflowRoutes } from "./workflows.ts";

/** The API, ready to be served. */
export interface Api {
  /** Answers a request; it never rejects. */
  fetch(request: Request): Promise<Response>;
  /** Ends long polls and streams, and refuses new ones; the server can then be shut down. */
  close(): void;
  /** All routes, for tests and documents. */
  readonly routes: readonly Route[];
}

/** Opens the API over its parts. Closed by default: only routes that say "open" need no key. */
export function openApi(parts: ApiDeps): Api {
  const streamMemory = new StreamMemory();
  const encoded = parts.metrics.counter("tasker_stream_turns_encoded_total");
  const services: Services = {
    ...parts,
    streamMemory,
    live: new LiveFeed(parts.feed, streamMemory, encoded),
    frames: new TaskFrames(parts.history, encoded),
    access: new Access(parts),
    tasks: new TaskReader(parts),
    watch: new Watch(parts.feed, parts.runtime),
    waiting: new OpenConnections({ ...parts, count: parts.metrics.gauge("tasker_http_waiting") }),
  };
  const routes = routesOf(services);
  const app = new Hono({ strict: true });
  const server = new Server(services);
  for (const route of routes) {
    app.on(route.method, honoPath(route.path), (context) => server.serve(route, context));
  }
  for (const [path, methods] of methodsByPath(routes)) {
    app.all(path, ({ req }) => server.refuseMethod(req.raw, methods));
  }
  app.notFound(({ req }) => server.refuse(req.raw, "none", notFound(req.raw)));
  app.onError((error, { req }) => server.refuse(req.raw, "none", error));
  return {
    fetch: async (request) => {
      // The router and the handlers read the URL, which has the Host header in it.
      if (URL.canParse(request.url)) return await app.fetch(request);
      return server.refuse(
        request,
        "none",
        badRequest("Cannot read the Host header: expected a host, and a port or none"),
      );
    },
    close: () => services.waiting.close(),
    routes,
  };
}

function routesOf(services: Services): readonly Route[] {
  const routes = [
    ...taskRoutes(services),
    ...streamRoutes(services),
    ...operatorActionRoutes(services),
    ...workflowRoutes(services),
    ...systemRoutes(services),
    ...policyRoutes(services),
    ...keyRoutes(services),
    ...deadRoutes(services),
    ...busRoutes(services),
    ...healthRoutes(services),
    metricsRoute(services),
  ];
  return [...routes, documentRoute(services, routes)];
}

/** Serves one request of one route. */
class Server {
  readonly #idempotencyCache: IdempotencyCache;

  constructor(private readonly services: Services) {
    this.#idempotencyCache = new IdempotencyCache(services.runtime);
  }

  async serve(route: Route, { req }: Context): Promise<Response> {
    const { runtime, metrics } = this.services;
    const sinceMs = runtime.monotonic();
    nameRequestSpan(route.method, route.path);
    try {
      const response = responseOf(await this.#replyTo(route, req.raw, req.param()));
      this.#count(route.path, response.status);
      if (!route.waits) {
        metrics.histogram("tasker_http_seconds").observe((runtime.monotonic() - sinceMs) / 1_000);
      }
      return response;
    } catch (error) {
      return this.refuse(req.raw, route.path, error);
    }
  }

  async #replyTo(route: Route, request: Request, params: unknown): Promise<Reply> {
    const { access, runtime } = this.services;
    checkHead(request);
    const caller = await access.authenticate(request.headers, route.right);
    const once = (body: unknown, handle: () => Promise<Reply>) => {
      const key = request.headers.get("idempotency-key");
      if (route.repeat !== "remembered" || key === null) return handle();
      const { pathname } = new URL(request.url);
      return this.#idempotencyCache.once(
        [caller.keyId, route.method, pathname, key].join(" "),
        runtime.digest(canonicalJson(body ?? null)),
        handle,
      );
    };
    return await route.serve(request, { params, caller, runtime, once });
  }

  refuseMethod(request: Request, methods: readonly string[]): Response {
    const allowed = methods.join(", ");
    const error = new TaskerError(
      "api.method_not_allowed",
      `Cannot ${request.method} this route: it takes ${allowed}`,
    );
    const response = this.refuse(request, "none", error);
    response.headers.set("allow", allowed);
    return response;
  }

  /** Answers with a problem. What is no operating error of ours is logged, and not shown. */
  refuse(request: Request, path: string, error: unknown): Response {
    const { log, runtime } = this.services;
    const known = error instanceof TaskerError
      ? error
      : new TaskerError("api.internal", messageOf(error), { cause: error });
    const reference = runtime.uuid();
    const response = problemResponse(known, reference);
    this.#count(path, response.status);
    if (response.status >= 500) {
      const fields = { reference, method: request.method, route: path, error };
      if (error instanceof TaskerError) log.warn("Could not answer a request", fields);
      else log.error(error instanceof Bug ? "Broke an invariant" : "Threw unexpectedly", fields);
    }
    return response;
  }

  #count(path: string, status: number): void {
    this.services.metrics.counter("tasker_http_requests_total", path, String(status)).add();
  }
}

function responseOf(reply: Reply): Response {
  if (reply instanceof Response) return guarded(reply);
  const { status, body, headers = {} } = reply;
  const hasBody = body !== undefined;
  return guarded(
    new Response(hasBody ? JSON.stringify(body) : null, {
      status,
      headers: { ...(hasBody ? { "content-type": "application/json" } : {}), ...headers },
    }),
  );
}

/** Answers hold what a key may see: nobody keeps them, and no browser guesses their type. */
function guarded(response: Response): Response {
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  return response;
}

function notFound(request: Request): TaskerError {
  const { pathname } = new URL(request.url);
  return new TaskerError("api.not_found", `Cannot find a route for "${pathname.slice(0, 256)}"`);
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const byPath = Map.groupBy(routes, ({ path }) => honoPath(path));
  return new Map([...byPath].map(([path, of]) => [path, of.map(({ method }) => method)]));
}
