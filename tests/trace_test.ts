import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { allCompleted, startTask } from "./support/tasks.ts";

const WORKFLOWS = new URL("./fixtures/workflows", import.meta.url).pathname;
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;
const MS_MAX = 60_000;

interface Span {
  readonly name: string;
  readonly traceId: string;
}

/** Takes what an exporter sends, as OTLP over HTTP in JSON. */
function openCollector(): { url: string; spans: Span[]; close(): Promise<void> } {
  const spans: Span[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    for (const { scopeSpans } of body.resourceSpans ?? []) {
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    return Response.json({});
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { url, spans, close: () => server.shutdown() };
}

async function post({ url, key }: Served, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return await response.json();
}

/** Plays the other system: answers one command, in its trace. */
async function answerOne(server: Served): Promise<void> {
  const envelope = await until("a command", MS_MAX, async () => {
    const polled = await post(server, "/v1/bus/asked/poll", { waitMs: 1_000 });
    return (polled as { envelopes: Record<string, string>[] }).envelopes[0];
  });
  await post(server, "/v1/bus/asked/replies", {
    specversion: "1.0",
    id: `${envelope.id}:completed`,
    source: "/asked",
    type: "tasker.step.completed",
    subject: envelope.subject,
    traceparent: envelope.traceparent,
    taskerreplytoken: envelope.taskerreplytoken,
    data: {},
  });
}

Deno.test("one trace holds a task, across its retries and across the bus", async () => {
  const dataDir = makeDataDir("trace");
  const collector = openCollector();
  const env = {
    TASKER_WORKFLOWS: WORKFLOWS,
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  };
  try {
    await using server = await serve({ dataDir, env });

    await startTask(server, { workflow: "test/traced", input: {} }, "traced", {
      traceparent: TRACEPARENT,
    });
    await answerOne(server);
    await allCompleted(server, { workflow: "test/traced", count: 1, ms: MS_MAX });

    const wanted = ["POST /v1/tasks", "step flaky", "step flaky", "reply ask"];
    await until("the spans", MS_MAX, () => {
      const names = collector.spans.filter(({ traceId }) => traceId === TRACE_ID)
        .map(({ name }) => name).filter((name) => wanted.includes(name));
      return Promise.resolve(names.length >= wanted.length ? true : undefined);
    });
    const strays = collector.spans.filter(({ name, traceId }) =>
      /^(step|reply) /.test(name) && traceId !== TRACE_ID
    );
    assert.deepEqual(strays, []);
  } finally {
    await collector.close();
    await Deno.remove(dataDir, { recursive: true });
  }
});
