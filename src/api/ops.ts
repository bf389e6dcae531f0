/** Routes of operation: metrics, and the document of all routes. */

import { METRICS_MEDIA_TYPE } from "../telemetry/metrics.ts";
import { openApiDocument } from "./document.ts";
import { type Route, route } from "./route.ts";
import type { Services } from "./services.ts";

/** The route of the metrics. */
export function metricsRoute({ metrics }: Services): Route {
  return route({
    method: "GET",
    path: "/metrics",
    name: "getMetrics",
    group: "operation",
    summary: "Shows all metrics in Prometheus' text format",
    right: "read",
    repeat: "harmless",
    answers: { 200: { description: "The metrics", mediaType: "text/plain" } },
    problems: [],
    handle: () =>
      Promise.resolve(
        new Response(metrics.text(), { headers: { "content-type": METRICS_MEDIA_TYPE } }),
      ),
  });
}

/** The route of the OpenAPI document, which lists itself, too. */
export function documentRoute({ health }: Services, routes: readonly Route[]): Route {
  let text: string | undefined;
  const self: Route = route({
    method: "GET",
    path: "/openapi.json",
    name: "getOpenApi",
    group: "operation",
    summary: "Shows this document",
    right: "open",
    repeat: "harmless",
    answers: { 200: { description: "OpenAPI 3.1" } },
    problems: [],
    handle: () => {
      text ??= JSON.stringify(openApiDocument([...routes, self], health.version));
      return Promise.resolve(
        new Response(text, { headers: { "content-type": "application/json" } }),
      );
    },
  });
  return self;
}
