import { equal, ok, rejects, throws } from "node:assert/strict";
import { ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import { isTraceparent, isTracing, traceparentOf, withRemoteParent } from "./trace.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";

Deno.test("isTraceparent() takes W3C trace context and refuses the rest", () => {
  ok(isTraceparent(`00-${TRACE_ID}-${SPAN_ID}-01`));
  ok(!isTraceparent(`00-${"0".repeat(32)}-${SPAN_ID}-01`));
  ok(!isTraceparent(`ff-${TRACE_ID}-${SPAN_ID}-01`));
  ok(!isTraceparent(`00-${TRACE_ID}-${SPAN_ID}`));
  ok(!isTraceparent("x"));
});

Deno.test("traceparentOf() writes a span as W3C trace context", () => {
  const span = trace.getSpan(
    trace.setSpanContext(ROOT_CONTEXT, {
      traceId: TRACE_ID,
      spanId: SPAN_ID,
      traceFlags: TraceFlags.SAMPLED,
    }),
  );

  equal(traceparentOf(span), `00-${TRACE_ID}-${SPAN_ID}-01`);
});

Deno.test("traceparentOf() gives nothing when there is no span", () => {
  equal(traceparentOf(), undefined);
});

Deno.test("spans only call their function while no exporter is on", async () => {
  const thrown = new Error("as it was");

  equal(isTracing(), false);
  equal(withRemoteParent(undefined, "a", {}, () => 2), 2);
  throws(() =>
    withRemoteParent(undefined, "a", {}, () => {
      throw thrown;
    }), thrown);
  await rejects(withRemoteParent(undefined, "a", {}, () => Promise.reject(thrown)), thrown);
});
