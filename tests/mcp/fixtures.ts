/** What the conformance suite wants to find, by its fixed names. The answers are those that it asks for. */

import {
  acceptedContent,
  type CallToolResult,
  type InputRequests,
  inputRequired,
  MissingRequiredClientCapabilityError,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Prompt } from "../../src/mcp/prompt.ts";
import type { ResourceKind } from "../../src/mcp/resource.ts";
import type { Tool, ToolCall, ToolResult } from "../../src/mcp/tool.ts";

/** A red pixel. */
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/** Silence. */
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

const Named = z.object({ name: z.string() });
const Confirmed = z.object({ ok: z.boolean() });

/** Makes a tool without arguments of its own. */
export function fixture(
  name: string,
  call: (
    call: ToolCall,
    args: Readonly<Record<string, unknown>>,
  ) => Promise<ToolResult> | ToolResult,
): Tool {
  return {
    name,
    title: name,
    description: "A fixture of the conformance suite",
    inputSchema: { type: "object" },
    hints: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    scopes: [],
    call: async (args, given) => await call(given, args),
  };
}

function text(said: string): CallToolResult {
  return { content: [{ type: "text", text: said }] };
}

function form<S extends z.ZodObject>(message: string, requestedSchema: S) {
  return inputRequired.elicit({ message, requestedSchema });
}

function sample(said: string, maxTokens: number) {
  const messages = [{ role: "user" as const, content: { type: "text" as const, text: said } }];
  return inputRequired.createMessage({ messages, maxTokens });
}

/** Plain content of every kind. */
const CONTENT: readonly Tool[] = [
  fixture("test_simple_text", () => text("This is a simple text response for testing.")),
  fixture("test_image_content", () => ({
    content: [{ type: "image", data: PNG, mimeType: "image/png" }],
  })),
  fixture("test_audio_content", () => ({
    content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }],
  })),
  fixture("test_embedded_resource", () => ({
    content: [{
      type: "resource",
      resource: {
        uri: "test://embedded-resource",
        mimeType: "text/plain",
        text: "This is an embedded resource content.",
      },
    }],
  })),
  fixture("test_multiple_content_types", () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: JSON.stringify({ test: "data", value: 123 }),
        },
      },
    ],
  })),
  fixture("test_error_handling", () => ({
    ...text("This tool intentionally returns an error for testing"),
    isError: true,
  })),
  fixture("test_tool_with_progress", async ({ report }) => {
    for (const done of [0, 50, 100]) {
      await report({ done, of: 100 });
      await new Promise((wake) => setTimeout(wake, 50));
    }
    return text("done");
  }),
  fixture("test_logging_tool", () => text("nothing is logged to clients")),
  fixture("greet", (_call, { name }) => text(`Hello, ${name}!`)),
  fixture("test_missing_capability", ({ capabilities }) => {
    if (capabilities.sampling === undefined) {
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    }
    return text("sampling is there");
  }),
];

/** Asks for a name, until it gets one. */
function nameOrAsk({ answers }: ToolCall): ToolResult {
  const given = acceptedContent(answers, "user_name", Named);
  if (given !== undefined) return text(`Hello, ${given.name}!`);
  return inputRequired({ inputRequests: { user_name: form("What is your name?", Named) } });
}

/** Asks for a confirmation, and is sure of what it asked. */
async function sealed({ state, answers, seal }: ToolCall): Promise<ToolResult> {
  if (state === "asked" && answers.confirm !== undefined) return text("state-ok");
  return inputRequired({
    inputRequests: { confirm: form("Please confirm", Confirmed) },
    requestState: await seal("asked"),
  });
}

async function severalInputs({ state, answers, seal }: ToolCall): Promise<ToolResult> {
  const names = ["user_name", "greeting", "client_roots"];
  if (state === "asked" && names.every((name) => answers[name] !== undefined)) return text("done");
  return inputRequired({
    inputRequests: {
      user_name: form("What is your name?", Named),
      greeting: sample("Generate a greeting", 50),
      client_roots: inputRequired.listRoots(),
    },
    requestState: await seal("asked"),
  });
}

async function rounds({ state, answers, seal }: ToolCall): Promise<ToolResult> {
  if (state === "step2" && answers.step2 !== undefined) return text("done");
  const step = state === "step1" && answers.step1 !== undefined ? "step2" : "step1";
  const question = step === "step1"
    ? form("Step 1: What is your name?", Named)
    : form("Step 2: What is your favorite color?", z.object({ color: z.string() }));
  return inputRequired({ inputRequests: { [step]: question }, requestState: await seal(step) });
}

function asDeclared({ capabilities, answers }: ToolCall): ToolResult {
  if (Object.keys(answers).length > 0) return text("done");
  const inputRequests: InputRequests = {
    ...(capabilities.elicitation !== undefined && { ask: form("Please confirm", Confirmed) }),
    ...(capabilities.sampling !== undefined && { say: sample("Say something", 20) }),
  };
  return Object.keys(inputRequests).length > 0 ? inputRequired({ inputRequests }) : text("nothing");
}

/** Calls of several rounds. */
const ROUNDS: readonly Tool[] = [
  fixture("test_input_required_result_elicitation", nameOrAsk),
  fixture("test_streaming_elicitation", nameOrAsk),
  fixture(
    "test_input_required_result_sampling",
    ({ answers }) =>
      answers.capital_question === undefined
        ? inputRequired({
          inputRequests: { capital_question: sample("What is the capital of France?", 100) },
        })
        : text(JSON.stringify(answers.capital_question)),
  ),
  fixture(
    "test_input_required_result_list_roots",
    ({ answers }) =>
      answers.client_roots === undefined
        ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
        : text(JSON.stringify(answers.client_roots)),
  ),
  fixture("test_input_required_result_request_state", sealed),
  fixture("test_input_required_result_tampered_state", sealed),
  fixture("test_input_required_result_multiple_inputs", severalInputs),
  fixture("test_input_required_result_multi_round", rounds),
  fixture("test_input_required_result_capabilities", asDeclared),
];

/** Every tool that does not go on as a task. */
export const TOOLS: readonly Tool[] = [...CONTENT, ...ROUNDS];

/** Two resources, and a template. */
export const RESOURCES: readonly ResourceKind[] = [{
  template: {
    uriTemplate: "test://template/{id}/data",
    name: "template",
    description: "A fixture",
    mimeType: "application/json",
  },
  list: () =>
    Promise.resolve([
      {
        uri: "test://static-text",
        name: "static text",
        description: "A fixture",
        mimeType: "text/plain",
      },
      {
        uri: "test://static-binary",
        name: "static binary",
        description: "A fixture",
        mimeType: "image/png",
      },
    ]),
  read(uri) {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    const json = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    const content = uri === "test://static-text"
      ? { uri, mimeType: "text/plain", text: "This is the content of the static text resource." }
      : uri === "test://static-binary"
      ? { uri, mimeType: "image/png", blob: PNG }
      : id === undefined
      ? undefined
      : { uri, mimeType: "application/json", text: json };
    return Promise.resolve(content && { contents: [content] });
  },
}];

function said(text: string) {
  return { role: "user" as const, content: { type: "text" as const, text } };
}

/** A prompt of each kind. */
export const PROMPTS: readonly Prompt[] = [
  {
    listed: { name: "test_simple_prompt", description: "A fixture" },
    get: () => Promise.resolve({ messages: [said("This is a simple prompt for testing.")] }),
  },
  {
    listed: {
      name: "test_prompt_with_arguments",
      description: "A fixture",
      arguments: [{ name: "arg1", required: true }, { name: "arg2", required: true }],
    },
    get: ({ arg1, arg2 }) =>
      Promise.resolve({
        messages: [said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
      }),
    complete: (_argument, text) =>
      Promise.resolve(["paris", "park", "party"].filter((word) => word.startsWith(text))),
  },
  {
    listed: {
      name: "test_prompt_with_embedded_resource",
      description: "A fixture",
      arguments: [{ name: "resourceUri", required: true }],
    },
    get: ({ resourceUri: uri = "" }) => {
      const resource = {
        uri,
        mimeType: "text/plain",
        text: "Embedded resource content for testing.",
      };
      const embedded = { role: "user" as const, content: { type: "resource" as const, resource } };
      return Promise.resolve({
        messages: [embedded, said("Please process the embedded resource above.")],
      });
    },
  },
  {
    listed: { name: "test_prompt_with_image", description: "A fixture" },
    get: () =>
      Promise.resolve({
        messages: [
          { role: "user", content: { type: "image", data: PNG, mimeType: "image/png" } },
          said("Please analyze the image above."),
        ],
      }),
  },
  {
    listed: { name: "test_input_required_result_prompt", description: "A fixture" },
    get(_args, _session, answers) {
      const Context = z.object({ context: z.string() });
      const given = acceptedContent(answers, "user_context", Context);
      if (given !== undefined) return Promise.resolve({ messages: [said(given.context)] });
      const question = form("What context should the prompt use?", Context);
      return Promise.resolve(inputRequired({ inputRequests: { user_context: question } }));
    },
  },
];
