/** Traces: spans through Deno's own OpenTelemetry exporter, one trace a task. */

import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { messageOf } from "../core/errors.ts";

const TRACER = "tasker";
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** What a span carries. Ids and names, never payloads. */
export type SpanAttributes = Attributes;

/** Whether spans go anywhere: `OTEL_DENO` is on. Cost: 0.02 µs. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) ||
    provider.getDelegateTracer(TRACER) !== undefined;
}

/**
 * Runs a function inside a span under a remote one, such as the request that started the task. The
 * span ends with it. A throw is recorded and thrown on. Without an exporter it only calls.
 *
 * Shape: `traceparent` is W3C trace context; absent or broken, the span starts a trace of its own.
 */
export function withRemoteParent<T>(
  traceparent: string | undefined,
  name: string,
  attributes: SpanAttributes,
  run: () => T,
): T {
  if (!isTracing()) return run();
  const remote = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  const parent = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
  return inSpan(name, attributes, { parent, run });
}

/** Returns the W3C trace context of a span (the active one unless given), if there is any. */
export function traceparentOf(span: Span | undefined = trace.getActiveSpan()): string | undefined {
  const of = span?.spanContext();
  if (of === undefined || !isSpanContextValid(of)) return undefined;
  return `00-${of.traceId}-${of.spanId}-${of.traceFlags.toString(16).padStart(2, "0")}`;
}

/** Whether a text is W3C trace context that may be kept and passed on. */
export function isTraceparent(text: string): boolean {
  return parseTraceparent(text) !== undefined;
}

/** Gives the active server span the route's name, because Deno calls it by its method alone. */
export function nameRequestSpan(method: string, route: string): void {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.updateName(`${method} ${route}`);
  span.setAttribute("http.route", route);
}

function inSpan<T>(
  name: string,
  attributes: SpanAttributes,
  { parent, run }: { parent: Context; run: () => T },
): T {
  const span = trace.getTracer(TRACER).startSpan(
    name,
    { kind: SpanKind.INTERNAL, attributes },
    parent,
  );
  return context.with(trace.setSpan(parent, span), () => {
    try {
      const value = run();
      if (value instanceof Promise) {
        return value.then(
          (settled) => (span.end(), settled),
          (thrown) => endWithError(span, thrown),
        ) as T;
      }
      span.end();
      return value;
    } catch (thrown) {
      return endWithError(span, thrown);
    }
  });
}

function endWithError(span: Span, thrown: unknown): never {
  const message = messageOf(thrown);
  span.recordException(thrown instanceof Error ? thrown : message);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
  throw thrown;
}

function parseTraceparent(text: string): SpanContext | undefined {
  const parts = TRACEPARENT.exec(text);
  if (parts === null || text.startsWith("ff")) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = parts;
  const of: SpanContext = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(of) ? of : undefined;
}
