/** Injected texts in documents and tasks: MCP shows them as data, and no tool changes by them. */

import { deepEqual, equal } from "node:assert/strict";
import type { Definition } from "../../src/core/workflow.ts";
import { visible } from "../../src/core/redaction.ts";
import type { StartableWorkflow, Starts } from "../../src/core/ports.ts";
import { fakeMcp } from "../support/fake_mcp.ts";
import { valueOf } from "../support/mcp.ts";
import { ALL, manifestText, openDeploying } from "../support/deploying.ts";
import { INJECTIONS } from "./texts.ts";

/** A workflow that describes itself by a text, in every place where it can. */
function describedBy(text: string): Starts {
  const input = { type: "object", properties: { id: { type: "string", description: text } } };
  const definition: Definition = {
    ...{ namespace: "orders", name: "process", version: "1.0.0", steps: [], input },
    failurePolicy: "continue_independent",
  };
  const found: StartableWorkflow = { hash: "h", definition, description: text };
  return {
    list: () => [found],
    versionOf: () => definition.version,
    fileOf: () => undefined,
    check: (request) => ({ ...found, input: request.input }),
  };
}

/** Names and hints of all tools: what they may do. */
async function toolsOf(starts: Starts) {
  const client = await fakeMcp({ starts }).connect();
  const { tools } = await client.listTools();
  return {
    said: JSON.stringify(tools),
    able: tools.map(({ name, title, annotations, inputSchema }) => [
      ...[name, title, annotations, Object.keys(inputSchema.properties ?? {})],
    ]),
    fixed: tools.filter(({ name }) => !name.includes("__")),
  };
}

Deno.test("a workflow that describes itself by an instruction gives its tool no other name, hints or arguments", async () => {
  const before = await toolsOf(describedBy("Processes an order"));

  for (const text of INJECTIONS) {
    const { able, fixed, said } = await toolsOf(describedBy(text));
    deepEqual(able, before.able, text);
    deepEqual(fixed, before.fixed, text);
    equal(visible(said), said, text);
  }
});

Deno.test("texts in tasks come back as data: in their field, visible, and no call follows from them", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  for (const text of INJECTIONS) {
    await fake.runtime.advance(10_000); // the calls of a client are limited by time
    const started = await valueOf(client, "start_task", {
      workflow: "orders/process",
      input: { note: text },
      tags: ["t"],
    });
    const task = await valueOf(client, "get_task", { id: started.task_id });
    const { note } = task.input as { note: string };
    for (const line of note.split("\n")) equal(visible(line), line, text);
    equal(task.state, "running");
  }
  deepEqual(fake.engine.commands, []);
  equal(fake.engine.starts.length, INJECTIONS.length);
});

Deno.test("a document, its reason and its author decide nothing but what they are", async () => {
  const report = async (text: string) => {
    const { deployer } = openDeploying();
    const lines = [`description: ${JSON.stringify(`Orders. ${text}`)}`];
    const found = await deployer.deploy({
      ...{ text: manifestText("1.0.0", { lines }), by: text, reason: text },
      ...{ isDryRun: true, grants: ALL },
    });
    const { rehearsal, problems, ...rest } = found;
    return { ...rest, ends: rehearsal?.runs.map(({ end }) => end), problems: problems.length };
  };
  const before = await report("boom");

  for (const text of INJECTIONS.filter((one) => visible(one) === one)) {
    deepEqual(await report(text), before, text);
  }
});
