/** MCP over the API of fakes, for its tests. */

import { withMcp } from "../../src/server/mcp.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { fakeApi } from "./fake_api.ts";
import { mcpClient, type McpOptions, rawMcp } from "./mcp.ts";

/** Where it is. */
export const MCP_URL = "http://tasker.test/mcp";

/** Opens MCP over the API of fakes. `more` replaces single ones of them. */
export function fakeMcp(more: Partial<ApiDeps> = {}) {
  const fake = fakeApi(more);
  const api = withMcp(fake.api, { ...fake.deps, stateKey: "k".repeat(32) });
  const fetch = (url: string | URL, init?: RequestInit) => api.fetch(new Request(url, init));
  const connect = ({ key = fake.key(), ...options }: Partial<McpOptions> = {}) =>
    mcpClient({ url: MCP_URL, key, fetch, ...options });
  const raw = ({ key = fake.key(), ...options }: Partial<McpOptions> = {}) =>
    rawMcp({ url: MCP_URL, key, fetch, ...options });
  return { ...fake, api, fetch, connect, raw };
}
