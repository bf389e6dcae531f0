/** The HTTP API: limits, access, parsing and errors around the table of operations. */

import { type Context, Hono } from "hono";
import { TaskerError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import type { Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";
import { type Log, SILENT_LOG } from "../telemetry/log.ts";
import { nameRequestSpan } from "../telemetry/trace.ts";
import { Access } from "./access.ts";
import { manyTaskHandlers } from "./many_tasks.ts";
import { busHandlers } from "./bus.ts";
import { changeHandlers, Changes } from "./changes.ts";
import { contractHandlers } from "./contracts.ts";
import { deadLetterHandlers } from "./dead_letters.ts";
import { type AuditedCall, auditHandlers, AuditTrail } from "./audit.ts";
import type { ApiDeps } from "./deps.ts";
import { documentHandlers } from "./documents.ts";
import { type ApiAnswer, badRequest, type Call, type Handlers, type Services } from "./handler.ts";
import { deploymentHandlers } from "./deployments.ts";
import { diagnosisHandlers } from "./diagnoses.ts";
import { eventHandlers } from "./events.ts";
import { exportHandlers } from "./exports.ts";
import { forkHandlers } from "./forks.ts";
import { healingHandlers } from "./healing.ts";
import { IdempotencyCache } from "./idempotency_cache.ts";
import { keyHandlers } from "./keys.ts";
import { LiveFeed } from "./live_feed.ts";
import { nodeHandlers } from "./node.ts";
import { OpenConnections } from "./open_connections.ts";
import { operatorActionHandlers } from "./operator_actions.ts";
import { optimiserHandlers } from "./optimiser.ts";
import { policyHandlers } from "./policies.ts";
import { callOf, checkHead, type ParsedRequest, readInput } from "./request.ts";
import { operatingError, problemOf, problemResponse, responseOf } from "./response.ts";
import { StreamMemory } from "./sse.ts";
import { SharedReads } from "./shared_reads.ts";
import { ShownValues } from "./shown_values.ts";
import { demandSameOrigin } from "./session_cookie.ts";
import { sessionHandlers } from "./sessions.ts";
import { streamHandlers } from "./streams.ts";
import { TaskFrames } from "./task_frames.ts";
import { TaskReader } from "./task_reader.ts";
import { taskBatchHandlers } from "./task_batches.ts";
import { taskHandlers } from "./tasks.ts";
import { resendHandlers } from "./resend.ts";
import { Watch } from "./watch.ts";
import { stepLogHandlers } from "./step_logs.ts";
import { statisticsHandlers } from "./statistics.ts";
import { systemHandlers } from "./systems.ts";
import { systemStatisticsHandlers } from "./system_statistics.ts";
import { TriggerStore } from "./trigger_store.ts";
import { triggerHandlers } from "./triggers.ts";
import { webhookHandlers } from "./webhooks.ts";
import { workflowHandlers } from "./workflows.ts";

/** Rest after a line that says that a call was one too many: anybody can send as many. */
const BUSY_LOG_MS = 1_000;

/** The API, ready to be served. */
export interface Api {
  /** Answers a request; it never rejects. */
  fetch(request: Request): Promise<Response>;
  /** Ends long polls and streams, and refuses new ones; the server can then be shut down. */
  close(): void;
  /** Writes what calls have left to be written; resolves when it is there, or cannot be. */
  settle(): Promise<void>;
}

/** An operation and its handler. */
interface Route {
  readonly operation: Operation;
  handle(input: Record<string, unknown>, call: Call): Promise<ApiAnswer>;
}

/** Opens the API. Closed by default: only operations that say "open" need no key. */
export function openApi(deps: ApiDeps): Api {
  const services = servicesOf(deps);
  const routes = routesOf(services);
  const app = new Hono({ strict: true });
  const server = new Server(services);
  for (const route of routes) {
    const { method, path } = route.operation;
    app.on(method, honoPath(path), (context) => server.serve(route, context));
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
    close: () => services.connections.close(),
    settle: () => server.settle(),
  };
}

function servicesOf(deps: ApiDeps): Services {
  const { feed, history, metrics } = deps;
  const streamMemory = new StreamMemory();
  const shownValues = new ShownValues(history);
  const sharedReads = new SharedReads(deps.runtime);
  const encoded = metrics.counter("tasker_stream_turns_encoded_total");
  return {
    ...deps,
    streamMemory,
    sharedReads,
    changes: new Changes({ ...deps, announces: () => sharedReads.forget() }),
    live: new LiveFeed(feed, streamMemory, encoded),
    frames: new TaskFrames(history, shownValues, encoded),
    access: new Access(deps),
    tasks: new TaskReader(deps),
    shownValues,
    triggers: new TriggerStore(deps),
    watch: new Watch(deps),
    connections: new OpenConnections({ ...deps, count: metrics.gauge("tasker_http_waiting") }),
  };
}

/** Finds the handler of each operation; one that is missing is a type error. */
function routesOf(services: Services): readonly Route[] {
  const handlers: Handlers<typeof OPERATIONS> = {
    ...taskHandlers(services),
    ...taskBatchHandlers(services),
    ...streamHandlers(services),
    ...changeHandlers(services),
    ...operatorActionHandlers(services),
    ...manyTaskHandlers(services),
    ...exportHandlers(services),
    ...forkHandlers(services),
    ...stepLogHandlers(services),
    ...workflowHandlers(services),
    ...deploymentHandlers(services),
    ...documentHandlers(services),
    ...systemHandlers(services),
    ...contractHandlers(services),
    ...policyHandlers(services),
    ...optimiserHandlers(services),
    ...diagnosisHandlers(services),
    ...statisticsHandlers(services),
    ...systemStatisticsHandlers(services),
    ...healingHandlers(services),
    ...keyHandlers(services),
    ...auditHandlers(services),
    ...sessionHandlers(services),
    ...webhookHandlers(services),
    ...resendHandlers(services),
    ...triggerHandlers(services),
    ...eventHandlers(services),
    ...deadLetterHandlers(services),
    ...busHandlers(services),
    ...nodeHandlers(services),
  };
  // Only an operation and its handler know the types of its input and its answer.
  const byName: Readonly<Record<string, unknown>> = handlers;
  const routes = Object.values(OPERATIONS).map((operation) => ({
    operation,
    handle: byName[operation.name] as Route["handle"],
  }));
  // The first that fits is taken: a word of a path goes before a parameter in its place.
  const parameters = ({ operation: { path } }: Route) => path.split("{").length;
  return routes.toSorted((one, other) => parameters(one) - parameters(other));
}

/** Serves requests of known routes. */
class Server {
  readonly #idempotencyCache: IdempotencyCache;
  readonly #trail: AuditTrail;
  #isNoted = false;
  #busyLoggedAtMs = -Infinity;

  constructor(private readonly services: Services) {
    this.#idempotencyCache = new IdempotencyCache(services.runtime);
    this.#trail = new AuditTrail(services);
  }

  settle(): Promise<void> {
    return this.#trail.close();
  }

  async serve(route: Route, { req }: Context): Promise<Response> {
    const { runtime, metrics } = this.services;
    const { method, path, longLived } = route.operation;
    const sinceMs = runtime.monotonic();
    nameRequestSpan(method, path);
    try {
      const answer = await this.#answerTo(route, req.raw, req.param());
      const response = responseOf(route.operation, answer);
      this.#count(path, response.status);
      if (longLived === undefined) {
        metrics.histogram("tasker_http_seconds").observe((runtime.monotonic() - sinceMs) / 1_000);
      }
      return response;
    } catch (error) {
      return this.refuse(req.raw, path, error);
    }
  }

  async #answerTo(route: Route, request: Request, params: unknown): Promise<ApiAnswer> {
    const { operation } = route;
    checkHead(request, operation.bodyBytesMax);
    demandSameOrigin(request);
    const caller = await this.services.access.authenticate(request, operation.right);
    const { sharedReads, access, signIn: { isHttps }, runtime } = this.services;
    const run = async (begun?: AuditedCall) => {
      access.demand(caller, operation.right);
      const read = await readInput(operation, request, { params, runtime });
      if (begun !== undefined) begun.input = read.input;
      this.#note(operation);
      const { bodyBytesMax } = operation;
      const call = callOf(request, caller, { isHttps, runtime, bodyBytesMax });
      return await this.#handle(route, read, call, request);
    };
    if (operation.isShared && acceptsShared(request)) {
      return await sharedReads.once(request.url, caller, run);
    }
    const audited = this.#trail.begin(operation, caller, request);
    let answer: ApiAnswer;
    try {
      answer = await run(audited);
    } catch (thrown) {
      this.#trail.failed(audited, thrown);
      throw thrown;
    } finally {
      if (operation.method !== "GET") sharedReads.wrote(caller.keyId);
    }
    await this.#trail.answered(audited, answer);
    return answer;
  }

  /** Notes which request is computed, until the event loop goes on. */
  #note({ method, path }: Operation): void {
    const { noteRequest, runtime } = this.services;
    noteRequest(`${method} ${path}`);
    if (this.#isNoted) return;
    this.#isNoted = true;
    runtime.soon(() => {
      this.#isNoted = false;
      noteRequest(undefined);
    });
  }

  /** Answers a repeat as the first request, where a cache remembers that. */
  async #handle(
    { operation, handle }: Route,
    { input, body }: ParsedRequest,
    call: Call,
    request: Request,
  ): Promise<ApiAnswer> {
    const { caller } = call;
    const { runtime } = this.services;
    const { idempotencyKey } = call;
    if (operation.repeat !== "remembered" || idempotencyKey === undefined) {
      return await handle(input, call);
    }
    const { pathname } = new URL(request.url);
    return await this.#idempotencyCache.once(
      [caller.keyId, operation.method, pathname, idempotencyKey].join(" "),
      runtime.digest(canonicalJson(body ?? null)),
      () => handle(input, call),
    );
  }

  refuseMethod(request: Request, methods: readonly string[]): Response {
    const allowed = methods.join(", ");
    const error = new TaskerError(
      "api.method_not_allowed",
      `Cannot use ${request.method} on this path: it accepts ${allowed}`,
    );
    const response = this.refuse(request, "none", error);
    response.headers.set("allow", allowed);
    return response;
  }

  /** Answers with a problem. The text of an unexpected error is logged, and not shown. */
  refuse(request: Request, path: string, thrown: unknown): Response {
    const error = operatingError(thrown);
    const place = { method: request.method, route: path };
    const { runtime } = this.services;
    const problem = problemOf(error, { runtime, log: this.#logFor(error) }, place);
    const response = problemResponse(problem, error);
    this.#count(path, response.status);
    return response;
  }

  /** Where a line about a refused call goes; of calls that are too many at once, one a second is enough. */
  #logFor({ code }: TaskerError): Log {
    const { log, runtime } = this.services;
    if (code !== "api.busy") return log;
    const nowMs = runtime.monotonic();
    if (nowMs - this.#busyLoggedAtMs < BUSY_LOG_MS) return SILENT_LOG;
    this.#busyLoggedAtMs = nowMs;
    return log;
  }

  #count(path: string, status: number): void {
    this.services.metrics.counter("tasker_http_requests_total", path, String(status)).add();
  }
}

/** Whether the sender takes an answer that is a second old (RFC 9111, 5.2.1.1). */
function acceptsShared({ method, headers }: Request): boolean {
  return method === "GET" && /\bmax-age=0*[1-9]/.test(headers.get("cache-control") ?? "");
}

function notFound(request: Request): TaskerError {
  const { pathname } = new URL(request.url);
  return new TaskerError("api.not_found", `Cannot find a route for "${pathname.slice(0, 256)}"`);
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const byPath = Map.groupBy(routes, ({ operation }) => honoPath(operation.path));
  return new Map(
    [...byPath].map(([path, of]) => [path, of.map(({ operation }) => operation.method)]),
  );
}
