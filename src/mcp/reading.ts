/** Serves resources, prompts and completions. */

import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type Server,
} from "@modelcontextprotocol/server";
import { ClientError } from "../client.ts";
import { protocolErrorOf } from "./failure.ts";
import type { Prompt } from "./prompt.ts";
import type { ResourceKind } from "./resource.ts";
import type { McpSession } from "./session.ts";

/** What is served. */
export interface Readable {
  readonly resources: readonly ResourceKind[];
  readonly prompts: readonly Prompt[];
}

/** Serves what clients read, and what they ask with. */
export function serveReading(server: Server, session: McpSession, of: Readable): void {
  server.registerCapabilities({ resources: {}, prompts: {}, completions: {} });
  serveResources(server, session, of.resources);
  servePrompts(server, session, of.prompts);
  server.setRequestHandler("completion/complete", async ({ params: { ref, argument } }) => {
    const complete = ref.type === "ref/prompt"
      ? of.prompts.find(({ listed }) => listed.name === ref.name)?.complete
      : of.resources.find(({ template }) => template?.uriTemplate === ref.uri)?.complete;
    const values = await guarded(async () =>
      await complete?.(argument.name, argument.value, session) ?? []
    );
    return { completion: { values: [...values], total: values.length, hasMore: false } };
  });
}

function serveResources(
  server: Server,
  session: McpSession,
  kinds: readonly ResourceKind[],
): void {
  server.setRequestHandler("resources/list", async () => {
    const { scopes } = await guarded(() => session.key());
    const mayRead = scopes.includes("read") || scopes.includes("admin");
    const lists = await guarded(() =>
      Promise.all(kinds.map(async (kind) => mayRead ? await kind.list?.(session) ?? [] : []))
    );
    return { resources: lists.flat() };
  });
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: kinds.flatMap(({ template }) => template ?? []),
  }));
  server.setRequestHandler("resources/read", async ({ params: { uri } }) => {
    for (const kind of kinds) {
      const found = await notFoundAs(uri, () => kind.read(uri, session));
      if (found !== undefined) return found;
    }
    throw new ResourceNotFoundError(uri);
  });
}

function servePrompts(server: Server, session: McpSession, prompts: readonly Prompt[]): void {
  server.setRequestHandler(
    "prompts/list",
    () => ({ prompts: prompts.map(({ listed }) => listed) }),
  );
  server.setRequestHandler("prompts/get", async ({ params }, { mcpReq }) => {
    const prompt = prompts.find(({ listed }) => listed.name === params.name);
    if (prompt === undefined) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Cannot find prompt "${params.name.slice(0, 64)}": see prompts/list`,
      );
    }
    return await guarded(() =>
      prompt.get(params.arguments ?? {}, session, mcpReq.inputResponses ?? {})
    );
  });
}

/** What Tasker does not have, MCP does not find. */
async function notFoundAs<T>(uri: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof ClientError && thrown.status === 404) {
      throw new ResourceNotFoundError(uri);
    }
    throw protocolErrorOf(thrown);
  }
}

async function guarded<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (thrown) {
    throw protocolErrorOf(thrown);
  }
}
