/** MCP clients for tests: the SDK's, over HTTP, of both generations of the protocol. */

import {
  type CallToolResult,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";

/** How to connect. */
export interface McpOptions {
  readonly url: string;
  /** Empty: none is sent. */
  readonly key: string;
  /** The handshake of 2025, in place of the stateless protocol of 2026-07-28. */
  readonly isOld?: boolean;
  readonly capabilities?: ClientOptions["capabilities"];
  readonly fetch?: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

/** Connects a client of the SDK. */
export async function mcpClient(
  { url, key, isOld = false, capabilities = {}, fetch }: McpOptions,
): Promise<Client> {
  const client = new Client({ name: "tests", version: "1.0.0" }, {
    capabilities,
    versionNegotiation: { mode: isOld ? "legacy" : { pin: "2026-07-28" } },
  });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: key === "" ? {} : { authorization: `Bearer ${key}` } },
      ...(fetch !== undefined && { fetch }),
    }),
  );
  return client;
}

/** A JSON-RPC error as it came. */
export class RpcError extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly data: unknown,
  ) {
    super(message);
  }
}

/** What a request answers. */
export type RpcResult = Readonly<Record<string, unknown>>;

/** Asks by hand, as a client of 2026-07-28 would that knows what the SDK's does not: tasks. */
export function rawMcp({ url, key, capabilities = {}, fetch = globalThis.fetch }: McpOptions) {
  return async (method: string, params: RpcResult = {}): Promise<RpcResult> => {
    const name = params.name ?? params.uri ?? params.taskId;
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        authorization: `Bearer ${key}`,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        ...(name !== undefined && { "mcp-name": String(name) }),
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method,
        params: { ...params, _meta: metaOf(capabilities, params) },
      }),
    });
    const { result, error } = await response.json();
    if (error !== undefined) {
      throw new RpcError(response.status, error.code, error.message, error.data);
    }
    return result;
  };
}

function metaOf(capabilities: unknown, { _meta }: RpcResult) {
  return {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "tests", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    ..._meta as object | undefined,
  };
}

/** Calls a tool and returns its value; of a failed call, `error` is why. */
export async function valueOf(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const result = await client.callTool({ name, arguments: args }) as CallToolResult;
  return result.structuredContent as Record<string, unknown>;
}
